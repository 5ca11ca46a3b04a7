//! Keeping secrets out of core dumps and from other processes of the same user, as far as the system has safe calls.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core dump, and no attaching to this process by others than root. A system that cannot is taken as it is.
pub(in crate::cli) fn harden() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
