//! A recording as a playlist of its pieces (RFC 8216): browsers play MPEG-TS only this way.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use crate::share::tree::{End, PIECE_TIME, SharedStream};

/// After this long without a change, a recording without an end is treated as ended.
const STALLED: Duration = Duration::from_secs(60);

/// The playlist of `recording`, which was last changed at `modified` and is at `address`. Its segments are ranges of
/// the recording. Only if it `may_grow` can more be added later: what is listed then stays as it is, and more comes
/// after it.
pub(super) fn playlist(recording: &SharedStream, may_grow: bool, modified: SystemTime, address: &str) -> String {
    let still_grows = may_grow
        && matches!(recording.end(), End::Unfinished | End::Continued)
        && modified.elapsed().is_ok_and(|elapsed| elapsed < STALLED);
    let longest = PIECE_TIME.as_secs();
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:0\n");
    // Even at the end: nothing that was listed may change.
    text.push_str("#EXT-X-PLAYLIST-TYPE:EVENT\n");
    for (range, time) in recording.pieces(still_grows) {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "#EXTINF:{:.6},\n#EXT-X-BYTERANGE:{}@{}\n{address}\n",
            time.as_secs_f64(),
            range.end - range.start,
            range.start
        );
    }
    if !still_grows {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}
