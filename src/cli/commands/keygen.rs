//! `reelseal keygen`: makes a key file.

use std::{io::Write, os::unix::fs::FileExt};

use crate::{
    cli::{
        messages::failure::{Exit, Failure},
        plan::KeygenPlan,
        secrets::exposed_secret::warn_if_exposed,
    },
    files::{
        output::{Destination, Output, OutputRequest},
        protected::Protected,
    },
    keys::KeyFile,
    signals::{Answer, Startup},
};

pub(in crate::cli) fn keygen(plan: &KeygenPlan, startup: Startup) -> Result<(), Failure> {
    startup.watch(Answer::Die);
    let destination = Destination::resolve(&OutputRequest::named(&plan.output), &Protected::default(), plan.replaces)?;
    let key_file = KeyFile::random().map_err(|error| Failure::new(Exit::InputOutput, error.to_string()))?;
    let text = key_file.to_text();
    let failed = |error| Failure::write(&destination.label, &error);
    match destination.open(true)? {
        Output::Direct(mut file) => {
            warn_if_exposed(&destination.label, &file);
            file.write_all(text.as_bytes()).map_err(failed)
        }
        Output::Atomic(file) => {
            file.file().write_all_at(text.as_bytes(), 0).map_err(failed)?;
            destination.commit(file).map(|_nothing_to_carry| ()).map_err(Failure::from)
        }
    }
}
