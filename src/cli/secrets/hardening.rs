//! Keeping secrets out of core dumps and from other processes of the same user, as far as the system has safe calls.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// No core dump, and no attaching to this process by others than root. If the system cannot do that, nothing is done. The limit on
/// the size of core dumps is left alone: commands that are run would inherit it.
pub(in crate::cli) fn harden() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
