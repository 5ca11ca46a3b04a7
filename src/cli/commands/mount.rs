//! `reelseal mount`.

use std::{io, sync::mpsc::channel};

use crate::{
    cli::{
        job::shared_tree,
        messages::{
            display_name::display_path,
            failure::{Exit, Failure},
            message::Message,
            mounting::{not_mounted, not_unmounted, unmount_command},
            report,
        },
        plan::MountPlan,
    },
    share::{
        fuse::{Left, MountPoint, Mounted, Unmounter},
        tree::Generated,
    },
    signals::{EndRequest, EndedBeforeDeath, Startup},
};

/// What ends the mount.
enum Ended {
    /// A signal.
    Asked,
    /// Somebody else has unmounted it, or it can no longer be served.
    Served(io::Result<()>),
}

pub(in crate::cli) fn mount(plan: &MountPlan, startup: Startup) -> Result<(), Exit> {
    run(plan, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &MountPlan, startup: Startup) -> Result<(), Failure> {
    let shown = plan.place.as_path();
    // A problem with the folder should be reported before the passphrase prompt.
    let place = MountPoint::new(shown, &plan.source).map_err(|error| not_mounted(shown, &error))?;
    let (tree, watching) = shared_tree::open(&plan.sharing, Generated::default(), startup)?;
    let (ended, ends) = channel();
    let asked = ended.clone();
    let end = EndRequest {
        end: Box::new(move || drop(asked.send(Ended::Asked))),
        hasten: None,
        ignores_interrupts: plan.ignores_interrupts,
    };
    // From here on, a dead mount remains only if the process is killed by SIGKILL or for want of memory.
    let unmounter = Unmounter::new();
    let last = unmounter.clone();
    let unmounted_before_death = EndedBeforeDeath::new(Box::new(move || drop(last.unmount())));
    let _ending = watching.ask_to_end(end);
    let name = plan.source.to_string_lossy();
    let mounted = Mounted::new(tree, &place, &name, &unmounter, move |result| drop(ended.send(Ended::Served(result))));
    let mounted = mounted.map_err(|error| not_mounted(shown, &error))?;
    if !plan.reporting.quiet {
        let shown = display_path(place.path());
        report::note(&format!("mounted at {shown}; Ctrl-C or {} ends it", unmount_command(place.path())));
    }
    let ended = ends.recv().unwrap_or(Ended::Asked);
    let left = unmounter.unmount();
    drop(unmounted_before_death);
    match left.map_err(|error| not_unmounted(shown, &error))? {
        Left::Nothing => mounted.join(),
        Left::OpenFiles => {
            report::warning(&Message::about(
                shown,
                "files were still open; what is not in the system's cache can no longer be read",
            ));
        }
    }
    match ended {
        Ended::Served(Err(error)) => Err(Failure::system(shown, "can no longer be served", &error)),
        Ended::Asked | Ended::Served(Ok(())) => Ok(()),
    }
}
