//! How the failure to mount or unmount is reported.

use std::{io, path::Path};

use super::{
    display_name::display_path,
    failure::{Exit, Failure},
    shell_word::shell_word,
};
use crate::share::fuse::MountError;

const DEVICE: &str = "/dev/fuse";
const HELPER: &str = "fusermount3";

/// Why nothing was mounted at `place`.
pub(in crate::cli) fn not_mounted(place: &Path, error: &MountError) -> Failure {
    let fact = error.to_string();
    let usage = || Failure::usage(fact.clone()).about(place);
    let system = |subject: &str, error: &io::Error| Failure::system(subject, &fact, error);
    match error {
        MountError::Missing => usage().with_hint(format!("make it first: mkdir {}", shell_word(place))),
        MountError::NotAFolder => usage().with_hint("name an empty folder; what is mounted appears in it"),
        MountError::NotEmpty => usage().with_hint("name an empty folder: what is in this one would be hidden"),
        MountError::InsideSource(source) => usage().with_hint(format!(
            "name a folder outside {}, or its own content would appear in it",
            display_path(source)
        )),
        MountError::Busy { kind, source_name } => {
            let shown = display_path(Path::new(source_name));
            Failure::usage(format!("{fact}: {shown}, of type {kind}")).about(place).with_hint(match is_fuse(kind) {
                true => format!("name another folder, or unmount it first: {}", unmount_command(place)),
                false => "name another folder, an empty one".to_owned(),
            })
        }
        MountError::Dead => Failure::new(Exit::InputOutput, fact)
            .about(place)
            .with_hint(format!("remove it, and mount again: {}", unmount_command(place))),
        MountError::MountPoint(error) | MountError::System(error) => Failure::system(place, &fact, error),
        MountError::DeviceMissing => Failure::new(Exit::InputOutput, fact).about(DEVICE).with_hint(
            "load FUSE with modprobe fuse as root; a container needs the device: docker run --device /dev/fuse \
             --cap-add SYS_ADMIN",
        ),
        MountError::NotTheDevice => Failure::new(Exit::InputOutput, fact)
            .about(DEVICE)
            .with_hint("make it again as root: rm /dev/fuse && mknod -m 666 /dev/fuse c 10 229"),
        MountError::DeviceClosed(error) => {
            system(DEVICE, error).with_hint("its owner is root: chmod 666 /dev/fuse lets every user mount")
        }
        MountError::Device(error) => system(DEVICE, error),
        MountError::HelperMissing => Failure::new(Exit::InputOutput, fact)
            .about(HELPER)
            .with_hint("users other than root need it to mount: install the package fuse3"),
        MountError::NothingSent => {
            Failure::new(Exit::InputOutput, fact).about(HELPER).with_hint("the package fuse3 has one that does")
        }
        MountError::HelperStart(error) => system(HELPER, error),
        MountError::Helper(_) => Failure::new(Exit::InputOutput, format!("cannot mount: {HELPER} says: {fact}"))
            .about(place)
            .with_hint("the folder must be yours, and fusermount3 installed setuid root, as the package fuse3 does"),
    }
}

/// Why what was mounted at `place` is still there.
pub(in crate::cli) fn not_unmounted(place: &Path, error: &MountError) -> Failure {
    let failed = |fact: String| {
        Failure::new(Exit::InputOutput, fact)
            .about(place)
            .with_hint(format!("it is dead now; remove it with {}", unmount_command(place)))
    };
    match error {
        MountError::Busy { .. } => failed("cannot unmount: something else was mounted over it".to_owned()),
        MountError::System(error) | MountError::HelperStart(error) => Failure::system(place, "cannot unmount", error)
            .with_hint(format!("it is dead now; remove it with {}", unmount_command(place))),
        MountError::Helper(said) => failed(format!("cannot unmount: {HELPER} says: {said}")),
        MountError::HelperMissing => failed(format!("cannot unmount: {HELPER} was not found")),
        _ => failed(format!("cannot unmount: {error}")),
    }
}

/// Whether fusermount3 unmounts file systems of this type.
fn is_fuse(kind: &str) -> bool {
    kind == "fuse" || kind.starts_with("fuse.")
}

/// What a user types to unmount `place`.
pub(in crate::cli) fn unmount_command(place: &Path) -> String {
    format!("{HELPER} -u {}", shell_word(place))
}
