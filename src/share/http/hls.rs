//! A recording as a playlist of its segments (RFC 8216): browsers play MPEG-TS in no other way.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use crate::share::tree::{End, SharedStream};

/// After this long without a change, a recording that has no end is taken for one that has ended all the same.
const STALLED: Duration = Duration::from_secs(60);

/// The playlist of `recording`, which was last `modified` then, and is at `address`. Its segments are ranges of it. Only if
/// it `may_grow` can there be more of it later.
pub(super) fn playlist(recording: &SharedStream, may_grow: bool, modified: SystemTime, address: &str) -> String {
    let segments: Vec<_> = recording
        .segments()
        .filter(|(range, _)| !range.is_empty())
        .map(|(range, times)| (range, times.map_or(0.0, |times| times.end.saturating_sub(times.start) as f64 / 1e6)))
        .collect();
    let longest = segments.iter().map(|(_, seconds)| seconds.ceil()).fold(1.0, f64::max);
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:{longest:.0}\n#EXT-X-MEDIA-SEQUENCE:0\n");
    let still_grows = may_grow
        && matches!(recording.end(), End::Unfinished | End::Continued)
        && modified.elapsed().is_ok_and(|elapsed| elapsed < STALLED);
    text.push_str(if still_grows { "#EXT-X-PLAYLIST-TYPE:EVENT\n" } else { "#EXT-X-PLAYLIST-TYPE:VOD\n" });
    for (range, seconds) in segments {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "#EXTINF:{seconds:.6},\n#EXT-X-BYTERANGE:{}@{}\n{address}\n",
            range.end - range.start,
            range.start
        );
    }
    if !still_grows {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}
