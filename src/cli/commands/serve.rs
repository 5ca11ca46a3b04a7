//! `reelseal serve`.

use std::{net::SocketAddr, path::Path};

use crate::{
    cli::{
        job::shared_tree,
        messages::{
            failure::{Exit, Failure},
            message::Message,
            report, standard_output,
        },
        plan::ServePlan,
    },
    files::{
        output::{Destination, OutputRequest},
        protected::Protected,
    },
    share::http::{GENERATED, Server, ServerError},
    signals::{EndRequest, Startup},
};

pub(in crate::cli) fn serve(plan: &ServePlan, startup: Startup) -> Result<(), Exit> {
    run(plan, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &ServePlan, startup: Startup) -> Result<(), Failure> {
    // Without the address, nobody could read anything.
    Destination::resolve(&OutputRequest::named(Path::new("-")), &Protected::default(), false)?;
    // An address in use should be reported before the passphrase prompt.
    let server = bind(plan.listen)?;
    let (tree, watching) = shared_tree::open(&plan.sharing, GENERATED, startup)?;
    if !plan.listen.ip().is_loopback() {
        report::warning(&Message::about(
            "--listen",
            "others can connect: anyone who knows the address can read the files, which are sent unencrypted",
        ));
    }
    let stopper = server.stopper();
    let end = EndRequest { end: Box::new(move || stopper.stop()), hasten: None, ignores_interrupts: false };
    let _ending = watching.ask_to_end(end);
    standard_output::line(&server.url())?;
    server.run(tree).map_err(|error| Failure::system("--listen", "cannot serve", &error))
}

/// A server that listens on `address`.
pub(super) fn bind(address: SocketAddr) -> Result<Server, Failure> {
    Server::bind(address).map_err(|error| match error {
        ServerError::Listen(error) => Failure::system(address.to_string(), "cannot listen", &error),
        ServerError::Randomness(error) => Failure::new(Exit::InputOutput, error.to_string()),
    })
}
