//! Keeping secrets out of core dumps and away from other processes of the same user, as far as safe system calls allow.

use crate::system;

/// Prevents core dumps, and keeps anyone but root from attaching to this process. If the system cannot do that, nothing
/// is done. The limit on core dumps is left alone, because commands that we run would inherit it.
pub(in crate::cli) fn harden() {
    system::protect_memory();
}
