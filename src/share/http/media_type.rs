//! The types of files, by their names, and what a browser may do with them.

use std::{ffi::OsStr, path::Path};

/// A media type, and how far a browser is trusted with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    /// An image format that cannot contain anything active.
    Image,
    /// Text that a browser shows as it is.
    Text,
    /// Everything else: a browser downloads it and does not show it, because it could contain scripts.
    Download,
}

const TYPES: [(&str, &str, Kind); 29] = [
    ("mp4", "video/mp4", Kind::Video),
    ("m4v", "video/mp4", Kind::Video),
    ("mov", "video/quicktime", Kind::Video),
    ("mkv", "video/matroska", Kind::Video),
    ("webm", "video/webm", Kind::Video),
    ("ts", "video/mp2t", Kind::Video),
    ("m2ts", "video/mp2t", Kind::Video),
    ("mts", "video/mp2t", Kind::Video),
    ("mpg", "video/mpeg", Kind::Video),
    ("mpeg", "video/mpeg", Kind::Video),
    ("avi", "video/x-msvideo", Kind::Video),
    ("wmv", "video/x-ms-wmv", Kind::Video),
    ("flv", "video/x-flv", Kind::Video),
    ("ogv", "video/ogg", Kind::Video),
    ("3gp", "video/3gpp", Kind::Video),
    ("mp3", "audio/mpeg", Kind::Audio),
    ("m4a", "audio/mp4", Kind::Audio),
    ("aac", "audio/aac", Kind::Audio),
    ("flac", "audio/flac", Kind::Audio),
    ("ogg", "audio/ogg", Kind::Audio),
    ("opus", "audio/ogg", Kind::Audio),
    ("wav", "audio/wav", Kind::Audio),
    ("jpg", "image/jpeg", Kind::Image),
    ("jpeg", "image/jpeg", Kind::Image),
    ("png", "image/png", Kind::Image),
    ("webp", "image/webp", Kind::Image),
    ("vtt", "text/vtt; charset=utf-8", Kind::Text),
    ("srt", "text/plain; charset=utf-8", Kind::Text),
    ("txt", "text/plain; charset=utf-8", Kind::Text),
];

const UNKNOWN: MediaType = MediaType { name: "application/octet-stream", kind: Kind::Download };

/// The type of the file called `name`.
pub(super) fn media_type(name: &OsStr) -> MediaType {
    let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    let known = TYPES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(extension));
    known.map_or(UNKNOWN, |&(_, name, kind)| MediaType { name, kind })
}

impl Kind {
    pub fn is_played(self) -> bool {
        matches!(self, Self::Video | Self::Audio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_determines_the_type_and_nothing_active_is_shown() {
        for (name, expected) in [("film.MP4", "video/mp4"), ("cam.ts", "video/mp2t"), ("a.b.opus", "audio/ogg")] {
            assert_eq!(media_type(OsStr::new(name)).name, expected);
        }
        for name in ["page.html", "x.svg", "x.xml", "x.xhtml", "x.js", "x.pdf", "x.swf", "ts", "", "x."] {
            assert_eq!(media_type(OsStr::new(name)), UNKNOWN, "{name}");
        }
    }
}
