//! `reelseal play`.

use std::{io::Write, process::Command, thread};

use crate::{
    cli::{
        commands::serve::bind,
        job::{
            consumer::{Consumer, Took},
            shared_tree,
        },
        messages::{
            failure::{Exit, Failure},
            report,
        },
        plan::{LOCAL, PlayPlan},
    },
    process::CommandLine,
    share::{
        http::{GENERATED, Server, addresses},
        player::Handover,
    },
    signals::{EndRequest, Startup, Watching},
};

/// The program that opens an address in the user's default browser.
const OPENER: &str = "xdg-open";

pub(in crate::cli) fn play(plan: &PlayPlan, startup: Startup) -> Result<(), Exit> {
    run(plan, startup).map_err(|failure| report::failure(&failure))
}

fn run(plan: &PlayPlan, startup: Startup) -> Result<(), Failure> {
    let server = bind(LOCAL)?;
    let (tree, watching) = shared_tree::open(&plan.sharing, GENERATED, startup)?;
    let (url, stopper) = (server.url(), server.stopper());
    let served =
        |server: Server| server.run(tree.clone()).map_err(|error| Failure::system("play", "cannot serve", &error));
    match &plan.player {
        None => {
            let end = EndRequest { end: Box::new(move || stopper.stop()), hasten: None, ignores_interrupts: false };
            let _ending = watching.ask_to_end(end);
            report::note(&format!("opened in the browser; end with Ctrl-C: {url}"));
            thread::scope(|scope| {
                scope.spawn(|| open_browser(&url));
                served(server)
            })
        }
        Some((line, handover)) => {
            let addresses = addresses(&tree, &url);
            if addresses.is_empty() {
                let failure = Failure::usage("no name there is that of a film or a sound file");
                return Err(failure.with_hint("reelseal serve PATH offers files of every kind"));
            }
            thread::scope(|scope| {
                let serving = scope.spawn(|| served(server));
                let played = play_with(line, *handover, &addresses, &watching);
                stopper.stop();
                let served = serving.join().unwrap_or(Ok(()));
                played.and(served)?;
                match tree.damaged_frames() {
                    0 => Ok(()),
                    _ => Err(Failure::new(Exit::BadStream, "damaged frames were left out of what was played")
                        .with_hint("reelseal verify lists them; reelseal salvage recovers the rest")),
                }
            })
        }
    }
}

/// Runs the player and waits for it to end.
fn play_with(line: &CommandLine, handover: Handover, addresses: &[String], watching: &Watching) -> Result<(), Failure> {
    let (arguments, text) = handover.hand_over(addresses);
    let mut line = line.clone();
    line.arguments.extend(arguments);
    let (player, mut input) = Consumer::start(&line, watching)?;
    // If the player is gone already, its exit code says more.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    player.finish(Took::Part).map(drop)
}

fn open_browser(url: &str) {
    let opened = Command::new(OPENER).arg(url).status();
    if !opened.is_ok_and(|status| status.success()) {
        report::note(&format!("no browser could be opened: {OPENER} failed; open the address yourself"));
    }
}
