//! `reelseal serve`.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use crate::{
    cli::{
        job::shared_tree,
        messages::{
            failure::{Exit, Failure},
            message::Message,
            report,
        },
        plan::ServePlan,
    },
    share::http::{Server, ServerError},
    signals::{EndRequest, Startup},
};

pub(in crate::cli) fn serve(plan: &ServePlan, startup: Startup) -> Result<(), Exit> {
    run(plan, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &ServePlan, startup: Startup) -> Result<(), Failure> {
    // An address that is taken should be known before a secret is asked for.
    let server = bind(plan.listen)?;
    let (tree, watching) = shared_tree::open(&plan.sharing, startup)?;
    if !plan.listen.ip().is_loopback() {
        report::warning(&Message::about(
            "--listen",
            "others can connect: whoever knows the address may read, and what they read is sent as plaintext",
        ));
    }
    let stopper = server.stopper();
    let end = EndRequest { end: Box::new(move || stopper.stop()), ignores_interrupts: false };
    let _ending = watching.ask_to_end(end);
    // Whoever started this may read it, or not.
    let _ = writeln!(io::stdout(), "{}", server.url());
    server.run(tree).map_err(|error| Failure::system("--listen", "cannot serve", &error))
}

/// A server that listens at `address`.
pub(super) fn bind(address: SocketAddr) -> Result<Server, Failure> {
    Server::bind(address).map_err(|error| match error {
        ServerError::Listen(error) => Failure::system(address.to_string(), "cannot listen", &error),
        ServerError::Randomness(error) => Failure::new(Exit::InputOutput, error.to_string()),
    })
}
