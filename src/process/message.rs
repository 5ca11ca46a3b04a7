//! The messages between this process and its guardian.

use std::{io, time::Duration};

/// To the guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Start the command. The message carries the command's standard input and the write end of a pipe: for a
    /// [`Role::Producer`], its standard output; for a [`Role::Consumer`], an end to hold open so that its input does
    /// not end.
    Start { role: Role, takes_terminal: bool, reach: Reach, kill_after: Duration },
    /// Let the command's input end, and what is left of its group go on when this process ends.
    Release,
    /// Continue the command, which has stopped.
    Continue,
    /// End the command and all within [`Reach`]: SIGTERM, and SIGKILL after a while.
    End,
    /// Kill them.
    Kill,
}

/// Which end of the stream a command is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It writes what is encrypted.
    Producer,
    /// It reads what was decrypted.
    Consumer,
}

/// What is ended with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Its process group.
    Group,
    /// Whatever it has started, in whichever group.
    Descendants,
}

/// From the guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The process that is to become the command exists, with this number as process and group. It waits until this is
    /// sent.
    Launched(i32),
    /// It has become the command.
    Started,
    /// The system refused to run it, with this error number.
    CannotRun(i32),
    /// It was stopped by this signal.
    Stopped(i32),
    /// It has ended.
    Ended(End),
    /// Nothing is left of it, and of all within [`Reach`].
    Gone,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl Order {
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Start { role, takes_terminal, reach, kill_after } => {
                let flags = [role == Role::Consumer, takes_terminal, reach == Reach::Descendants].map(u8::from);
                let mut bytes = [&[0], flags.as_slice()].concat();
                bytes.extend(u64::try_from(kill_after.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).to_le_bytes());
                bytes
            }
            Self::Release => vec![1],
            Self::Continue => vec![2],
            Self::End => vec![3],
            Self::Kill => vec![4],
        }
    }

    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`].
    pub fn decode(bytes: &[u8]) -> io::Result<Self> {
        match bytes {
            [0, consumer @ 0..=1, takes_terminal @ 0..=1, descendants @ 0..=1, kill_after @ ..] => {
                let kill_after = kill_after.try_into().map_err(|_| unknown())?;
                Ok(Self::Start {
                    role: if *consumer == 1 { Role::Consumer } else { Role::Producer },
                    takes_terminal: *takes_terminal == 1,
                    reach: if *descendants == 1 { Reach::Descendants } else { Reach::Group },
                    kill_after: Duration::from_millis(u64::from_le_bytes(kill_after)),
                })
            }
            [1] => Ok(Self::Release),
            [2] => Ok(Self::Continue),
            [3] => Ok(Self::End),
            [4] => Ok(Self::Kill),
            _ => Err(unknown()),
        }
    }
}

impl Report {
    pub fn encode(self) -> Vec<u8> {
        let (kind, value) = match self {
            Self::Launched(process) => (0, process),
            Self::CannotRun(error) => (1, error),
            Self::Stopped(signal) => (2, signal),
            Self::Ended(End::Exited(code)) => (3, code),
            Self::Ended(End::Killed(signal)) => (4, signal),
            Self::Gone => (5, 0),
            Self::Started => (6, 0),
        };
        [[kind].as_slice(), &value.to_le_bytes()].concat()
    }

    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`].
    pub fn decode(bytes: &[u8]) -> io::Result<Self> {
        let (&kind, value) = bytes.split_first().ok_or_else(unknown)?;
        let value = i32::from_le_bytes(value.try_into().map_err(|_| unknown())?);
        match kind {
            0 => Ok(Self::Launched(value)),
            1 => Ok(Self::CannotRun(value)),
            2 => Ok(Self::Stopped(value)),
            3 => Ok(Self::Ended(End::Exited(value))),
            4 => Ok(Self::Ended(End::Killed(value))),
            5 => Ok(Self::Gone),
            6 => Ok(Self::Started),
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a message of ours")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_as_the_same_and_nothing_else_is_decoded() {
        for order in [
            Order::Start {
                role: Role::Producer,
                takes_terminal: false,
                reach: Reach::Descendants,
                kill_after: Duration::from_millis(1500),
            },
            Order::Start {
                role: Role::Consumer,
                takes_terminal: true,
                reach: Reach::Group,
                kill_after: Duration::ZERO,
            },
            Order::Release,
            Order::Continue,
            Order::End,
            Order::Kill,
        ] {
            assert_eq!(Order::decode(&order.encode()).unwrap(), order);
        }
        for report in [
            Report::Launched(77),
            Report::Started,
            Report::CannotRun(2),
            Report::Stopped(20),
            Report::Ended(End::Exited(255)),
            Report::Ended(End::Killed(9)),
            Report::Gone,
        ] {
            assert_eq!(Report::decode(&report.encode()).unwrap(), report);
        }
        for bytes in [[].as_slice(), &[9], &[0, 2, 0], &[0, 1, 1, 5], &[0, 1, 1, 1, 5], &[1, 0]] {
            assert!(Order::decode(bytes).is_err(), "{bytes:?}");
        }
        for bytes in [[].as_slice(), &[0], &[7, 0, 0, 0, 0]] {
            assert!(Report::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
