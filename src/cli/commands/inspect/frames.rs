//! Lists the frames of a stream, one per line, with one of them in memory at a time.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::{
    cli::{
        job::opened_input::InputFrames,
        messages::{
            damage::{self, Ended},
            display_name::display_name,
            failure::Failure,
            standard_output, stream_failure,
        },
    },
    container::{FrameTag, TagFlags},
    files::label::Label,
    inspection::time::time,
    pipeline::{DamageListener, DamagedFrame, FrameDamage, Opening, Sink, Source, SurveySink, Transform},
    stage::{Frame, FrameBuffer},
    stream::{OpenedStream, StreamError},
};

/// What is printed about one frame, or about its absence.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    frame: u64,
    position: u64,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Sound {
        offset: u64,
        length: u32,
        time: Option<String>,
        #[serde(rename = "final")]
        is_final: bool,
        interrupted: bool,
        /// Advisory flags, which mean nothing in version 1.
        #[serde(skip)]
        advisory: u32,
    },
    Refused {
        refused: String,
    },
}

/// Collects the frames that cannot be read until they are listed.
#[derive(Default)]
struct Unreadable(Mutex<Vec<DamagedFrame>>);

impl DamageListener for Unreadable {
    fn on_damage(&self, frame: DamagedFrame) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
    }
}

/// Lists the `frames` of `stream`, which `input` holds, and goes on past damaged ones.
pub(super) fn list(input: &Label, stream: &OpenedStream, frames: InputFrames<'_>, json: bool) -> Result<(), Failure> {
    let (layout, name) = (stream.header().layout(), display_name(input));
    let failed = |error: &StreamError| stream_failure::reading(input, layout, error);
    let print = |frame: u64, found: Found| {
        print_line(&Line { file: &name, frame, position: layout.frame_position(frame), found }, json)
    };
    if !json {
        standard_output::line(&format_args!(
            "{:>8} {:>14} {:>14} {:>8} {:27} flags",
            "frame", "byte", "offset", "length", "time"
        ))?;
    }
    let (survey, unreadable) = (SurveySink::default(), Unreadable::default());
    let source = frames.source_past_unreadable(layout.frame_size, &unreadable);
    let opening = Opening::across_gaps(stream.chain());
    let (mut empty, mut received) = (Vec::new(), Vec::new());
    let mut ended = Ended::AtTheEnd;
    loop {
        // One at a time, so that sound frames and damaged ones come in order.
        empty.resize_with(1, || FrameBuffer::new(layout.frame_size));
        let Some(taken) = source.take(&mut empty, &mut received) else { break };
        for damaged in unreadable.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            survey.on_damage(damaged);
            print(damaged.index, refused(damaged.damage))?;
        }
        for frame in received.drain(..) {
            let (index, wire_length) = (frame.index(), frame.wire_length());
            let opened = opening.apply(frame).and_then(|frame| opening.check_in_turn(&frame).map(|()| frame));
            match opened {
                Ok(frame) => {
                    print(index, sound(frame.tag()))?;
                    let frame = [frame];
                    survey.write(&frame).map_err(|error| failed(&StreamError::Write(error)))?;
                    empty.extend(frame.map(Frame::into_buffer));
                }
                Err(fault) => {
                    let damage = FrameDamage::Refused(fault);
                    survey.on_damage(DamagedFrame { index, wire_length, damage });
                    print(index, refused(damage))?;
                }
            }
        }
        match taken.failure {
            Some(error) if stream_failure::is_damage(&error) => {
                print(taken.next_index, missing(&error))?;
                ended = Ended::Cut;
            }
            Some(error) => return Err(failed(&error)),
            None => {}
        }
    }
    source.confirm().map_err(|error| failed(&error))?;
    let survey = survey.into_survey();
    let is_whole = ended == Ended::AtTheEnd && survey.damaged_frames() == 0;
    if is_whole { Ok(()) } else { Err(damage::not_whole(input, &survey, ended)) }
}

fn sound(tag: &FrameTag) -> Found {
    Found::Sound {
        offset: tag.offset,
        length: tag.length,
        time: time(tag.time),
        is_final: tag.flags.is_final(),
        interrupted: tag.flags.is_interrupted(),
        advisory: tag.flags.bits() & !(TagFlags::FINAL.bits() | TagFlags::INTERRUPTED.bits()),
    }
}

fn refused(damage: FrameDamage) -> Found {
    let refused = match damage {
        FrameDamage::Refused(fault) => fault.to_string(),
        FrameDamage::Unreadable { os_error } => damage::unreadable(os_error.map(io::Error::from_raw_os_error).as_ref()),
    };
    Found::Refused { refused }
}

fn missing(error: &StreamError) -> Found {
    let inside = matches!(error, StreamError::CutFrame { .. });
    let refused = if inside { "the stream ends inside this frame" } else { "the stream ends before this frame" };
    Found::Refused { refused: refused.to_owned() }
}

fn print_line(line: &Line<'_>, json: bool) -> Result<(), Failure> {
    if json {
        return standard_output::json(line);
    }
    let place = format!("{:>8} {:>14}", line.frame, line.position);
    match &line.found {
        Found::Refused { refused } => standard_output::line(&format_args!("{place} refused: {refused}")),
        Found::Sound { offset, length, time, is_final, interrupted, advisory } => {
            let time = time.as_deref().unwrap_or("-");
            let flags = flags(*is_final, *interrupted, *advisory);
            standard_output::line(&format_args!("{place} {offset:>14} {length:>8} {time:27} {flags}"))
        }
    }
}

fn flags(is_final: bool, interrupted: bool, advisory: u32) -> String {
    let names = [is_final.then(|| "final".to_owned()), interrupted.then(|| "interrupted".to_owned())];
    let advisory = (advisory != 0).then(|| format!("{advisory:#x}"));
    let names: Vec<_> = names.into_iter().chain([advisory]).flatten().collect();
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}
