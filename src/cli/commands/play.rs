//! `reelseal play`.

use std::{io::Write, sync::Arc, thread};

use crate::{
    cli::{
        commands::serve::bind,
        job::{
            consumer::{Consumer, Took},
            shared_tree,
        },
        messages::{
            command_failure::command_failure,
            failure::{CommandEnd, Exit, Failure},
            report,
            sharing::not_all_played,
        },
        plan::{LOCAL, PlayPlan, Player},
    },
    files::label::Label,
    process::CommandLine,
    share::{
        http::{GENERATED, Requests, Server, addresses},
        player::{Handover, was_interrupted},
        tree::Tree,
    },
    signals::{EndRequest, Startup, Watching},
};

pub(in crate::cli) fn play(plan: &PlayPlan, startup: Startup) -> Result<(), Exit> {
    run(plan, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &PlayPlan, startup: Startup) -> Result<(), Failure> {
    let server = bind(LOCAL)?;
    let (tree, watching) = shared_tree::open(&plan.sharing, GENERATED, startup)?;
    match &plan.player {
        Player::Browser(line) => {
            let (url, stopper) = (server.url(), server.stopper());
            let end = EndRequest { end: Box::new(move || stopper.stop()), hasten: None, ignores_interrupts: false };
            let _ending = watching.ask_to_end(end);
            report::note(&format!("opened in the browser; end with Ctrl-C: {url}"));
            open_browser(line, &url, &watching);
            serve(server, &tree)
        }
        Player::Program(line, handover) => {
            let addresses = addresses(&tree, &server.url());
            if addresses.is_empty() {
                let failure = Failure::usage("no file there has the name of a film or a sound file");
                return Err(failure.with_hint("reelseal serve PATH offers files of every kind"));
            }
            let (stopper, requests) = (server.stopper(), server.requests());
            thread::scope(|scope| {
                let serving = scope.spawn(|| serve(server, &tree));
                let played = play_with(line, *handover, &addresses, &requests, &watching);
                stopper.stop();
                let served = serving.join().unwrap_or(Ok(()));
                played.and(served)?;
                not_all_played(tree.losses()).map_or(Ok(()), Err)
            })
        }
    }
}

fn serve(server: Server, tree: &Arc<Tree>) -> Result<(), Failure> {
    server.run(Arc::clone(tree)).map_err(|error| Failure::system("play", "cannot serve", &error))
}

/// Runs the player and waits for it to end.
fn play_with(
    line: &CommandLine,
    handover: Handover,
    addresses: &[String],
    requests: &Requests,
    watching: &Watching,
) -> Result<(), Failure> {
    let (arguments, text) = handover.hand_over(addresses);
    let mut line = line.clone();
    line.arguments.extend(arguments);
    let player = if handover == Handover::Arguments {
        Consumer::start_with_our_input(&line, watching)?
    } else {
        let (player, mut input) = Consumer::start(&line, watching)?;
        // If the player is gone already, its exit code says more.
        let _ = input.write_all(text.as_bytes());
        player
    };
    match player.finish(Took::Part) {
        Err(failure) if failure.command_end().is_some_and(|end| is_interruption(&line, end)) => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) if requests.so_far() > 0 => Ok(()),
        Ok(_) => Err(Failure::new(Exit::CommandFailed, "ended without asking for the film")
            .about(&Label::Command(line.program.clone()))
            .with_hint("if it hands the film over to another process, use reelseal serve, which keeps running")),
    }
}

/// Whether a player that ended in this way was interrupted by the user, who need not be told.
fn is_interruption(line: &CommandLine, end: CommandEnd) -> bool {
    end.signal == Some("SIGINT") || end.exit_code.is_some_and(|code| was_interrupted(&line.program, code))
}

fn open_browser(line: &CommandLine, url: &str, watching: &Watching) {
    let mut line = line.clone();
    line.arguments.push(url.into());
    let program = line.program.display().to_string();
    let failed =
        move || report::note(&format!("no browser could be opened: {program} failed; open the address yourself"));
    if let Err(failure) = line.start_apart(watching, failed) {
        let failure = command_failure(&line.program, &failure);
        report::note(&format!("no browser could be opened: {failure}; open the address yourself"));
    }
}
