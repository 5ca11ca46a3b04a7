//! What `reelseal record` is to do.

use std::{path::PathBuf, time::Duration};

use super::{
    LockRequest, NEW_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, Reporting,
    command::{KILL_AFTER, check_program},
};
use crate::{
    cli::{
        arguments::{ProgressArgument, RecordArguments, RetentionArguments, SupervisionArguments},
        messages::failure::Failure,
    },
    container::Layout,
    keys::{KdfLimits, ScryptCost},
    process::CommandLine,
    record::{
        Cutting, HookStop, JournalPlan, Restarts, Retention, SERVICE_VARIABLES, SegmentHook, SegmentName,
        StatusAddress, Supervision, SystemTime, Time,
    },
};

/// Shorter segments would only litter the folder.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// How long a supervised command may be silent.
const STALL: Duration = Duration::from_secs(30);

/// The environment variables that no command gets to see.
const HIDDEN_VARIABLES: &[&str] = {
    let [socket, watchdog, process] = SERVICE_VARIABLES;
    &[PASSPHRASE_VARIABLE, NEW_PASSPHRASE_VARIABLE, socket, watchdog, process]
};

#[derive(Clone, Debug)]
pub(in crate::cli) struct RecordPlan {
    pub folder: PathBuf,
    pub journal: JournalPlan,
    pub secret: LockRequest,
    pub limits: KdfLimits,
    /// What a new passphrase slot costs.
    pub cost: ScryptCost,
    pub reporting: Reporting,
    pub ignores_interrupts: bool,
    /// The command whose output is recorded, instead of standard input.
    pub producer: Option<CommandLine>,
    pub supervision: Supervision,
    pub status: Option<StatusAddress>,
    pub retention: Retention,
    /// What is run for each finished segment.
    pub hook: Option<SegmentHook>,
}

impl TryFrom<&RecordArguments> for RecordPlan {
    type Error = Failure;

    fn try_from(arguments: &RecordArguments) -> Result<Self, Failure> {
        let RecordArguments { output_dir, segment_time, segment_size, name, lock, common, command, .. } = arguments;
        let layout = Layout { frame_size: arguments.frame_size, ..Layout::default() };
        if segment_time.is_some_and(|time| time < LEAST_TIME) {
            return Err(Failure::usage("--segment-time is shorter than a second")
                .with_hint("leave it out for one segment that is never cut by time"));
        }
        let least = Cutting::least_size(layout);
        if segment_size.is_some_and(|size| size < least) {
            return Err(Failure::usage(format!(
                "--segment-size is less than {least} bytes, the minimum of two frames"
            ))
            .with_hint("give a larger size, or make the frames smaller with --frame-size 4K"));
        }
        let name = SegmentName::new(name.as_deref());
        name.check(SystemTime.wall()).map_err(|error| {
            Failure::usage(error.to_string())
                .about("--name")
                .with_hint("give a pattern as for date(1), without /, such as front-%Y%m%d-%H%M%S.ts")
        })?;
        let producer = command.split_first().map(|(program, rest)| CommandLine {
            program: program.clone(),
            arguments: rest.to_vec(),
            timeout: None,
            kill_after: arguments.supervision.kill_after.unwrap_or(KILL_AFTER),
            hidden_variables: HIDDEN_VARIABLES,
        });
        if let Some(line) = &producer {
            check_program(line)?;
            if common.ignore_interrupts {
                return Err(Failure::usage("--ignore-interrupts cannot be used with a command after --")
                    .with_hint("leave it out: an interrupt ends the command and the recording, which loses nothing"));
            }
        }
        let mut reporting = Reporting::of(common);
        // The command may use the terminal for messages of its own.
        if producer.is_some() && common.progress == ProgressArgument::Auto {
            reporting.progress = None;
        }
        let hook = hook(&arguments.retention)?;
        let RetentionArguments { keep_age, keep_size, keep_free, .. } = arguments.retention;
        let retention = Retention { age: keep_age, size: keep_size, free: keep_free };
        if retention.removes_any() && !name.says_the_second(SystemTime.wall()) {
            return Err(Failure::usage(
                "does not include the date and the time to the second, so the name of a removed segment could be used again",
            )
            .about("--name")
            .with_hint(
                "with --keep-age, --keep-size or --keep-free, a copy elsewhere could be overwritten: add %Y-%m-%dT%H-%M-%S",
            ));
        }
        let cutting = Cutting { time: *segment_time, size: *segment_size };
        let (max_delay, sync) = (arguments.max_delay, arguments.sync);
        Ok(Self {
            folder: output_dir.clone(),
            journal: JournalPlan { layout, max_delay, sync, cutting, name },
            secret: lock.into(),
            limits: lock.kdf_limits(),
            cost: arguments.scrypt_cost,
            reporting,
            ignores_interrupts: common.ignore_interrupts,
            producer,
            supervision: supervision(&arguments.supervision),
            status: arguments.status.clone(),
            retention,
            hook,
        })
    }
}

fn supervision(arguments: &SupervisionArguments) -> Supervision {
    let SupervisionArguments { restarts, stall, stall_grace, max_memory, .. } = *arguments;
    let default = if restarts == Restarts::AtMost(0) { Duration::ZERO } else { STALL };
    let stall = Some(stall.unwrap_or(default)).filter(|stall| !stall.is_zero());
    Supervision { restarts, stall, grace: stall_grace, max_memory }
}

fn hook(arguments: &RetentionArguments) -> Result<Option<SegmentHook>, Failure> {
    let Some(program) = arguments.on_segment.clone() else { return Ok(None) };
    let line = CommandLine {
        program,
        arguments: arguments.on_segment_arg.clone(),
        timeout: Some(arguments.on_segment_timeout).filter(|timeout| !timeout.is_zero()),
        kill_after: KILL_AFTER,
        hidden_variables: HIDDEN_VARIABLES,
    };
    let has_spaces = line.program.to_string_lossy().contains(' ');
    let hint = match has_spaces {
        true => "--on-segment takes only a program; give each argument with --on-segment-arg",
        false => "--on-segment takes a program that can be run: a path, or a name in PATH",
    };
    check_program(&line).map_err(|refused| refused.with_hint(hint))?;
    Ok(Some(SegmentHook { line, stop: HookStop::default() }))
}
