//! Keeping secrets out of core dumps and from other processes of the same user, as far as the system has safe calls.

use crate::system;

/// No core dump, and no attaching to this process by others than root. If the system cannot do that, nothing is done. The limit on
/// the size of core dumps is left alone: commands that are run would inherit it.
pub(in crate::cli) fn harden() {
    system::protect_memory();
}
