//! `reelseal keygen`: makes a key file or an age identity.

use std::{io::Write, os::unix::fs::FileExt};

use zeroize::Zeroizing;

#[cfg(feature = "age")]
use crate::keys::NewIdentity;
use crate::{
    cli::{
        messages::{
            failure::{Exit, Failure},
            report, standard_output,
        },
        plan::KeygenPlan,
        secrets::exposed_secret::warn_if_exposed,
    },
    files::{
        output::{Destination, Output, OutputRequest},
        protected::Protected,
    },
    keys::{KeyFile, RandomnessUnavailable},
    signals::{Answer, Startup},
};

pub(in crate::cli) fn keygen(plan: &KeygenPlan, startup: Startup) -> Result<(), Failure> {
    startup.watch(Answer::Die);
    let destination = Destination::resolve(&OutputRequest::named(&plan.output), &Protected::default(), plan.replaces)?;
    let Made { text, recipient } = make(plan)?;
    let failed = |error| Failure::write(&destination.label, &error);
    match destination.open(true)? {
        Output::Direct(mut file) => {
            warn_if_exposed(&destination.label, &file);
            file.write_all(text.as_bytes()).map_err(failed)?;
            if let Some(recipient) = recipient {
                report::note(&format!("the recipient is {recipient}"));
            }
            Ok(())
        }
        Output::Atomic(file) => {
            file.file().write_all_at(text.as_bytes(), 0).map_err(failed)?;
            destination.commit(file).map(|_nothing_to_carry| ()).map_err(Failure::from)?;
            recipient.map_or(Ok(()), |recipient| standard_output::line(&recipient))
        }
    }
}

/// The content of the file and, for an identity, the recipient to report.
struct Made {
    text: Zeroizing<String>,
    recipient: Option<String>,
}

fn make(plan: &KeygenPlan) -> Result<Made, Failure> {
    #[cfg(feature = "age")]
    if plan.makes_identity {
        let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let NewIdentity { text, recipient } = NewIdentity::generate(&created).map_err(|error| no_randomness(&error))?;
        return Ok(Made { text, recipient: Some(recipient) });
    }
    #[cfg(not(feature = "age"))]
    let _ = plan;
    let key_file = KeyFile::random().map_err(|error| no_randomness(&error))?;
    Ok(Made { text: key_file.to_text(), recipient: None })
}

fn no_randomness(error: &RandomnessUnavailable) -> Failure {
    Failure::new(Exit::InputOutput, error.to_string())
}
