//! The page of a folder: its content, with players for what can be played. It needs no script.

use std::fmt::{self, Write};

use jiff::Timestamp;

use super::{
    entries::{Entry, entries, shown},
    media_type::Kind,
    path::joined,
};
use crate::share::tree::{Listing, Node, NodeId, ROOT, Tree};

const STYLE: &str = include_str!("page.css");

/// The page of the folder `id`; `root` is the path of the tree's root, and `nonce` lets the style through.
pub(super) fn page(tree: &Tree, listing: &Listing, id: NodeId, root: &str, nonce: &str) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page, tree, listing, id, root, nonce);
    page
}

/// What the browser lets the page do.
pub(super) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; media-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

fn write_page(page: &mut String, tree: &Tree, listing: &Listing, id: NodeId, root: &str, nonce: &str) -> fmt::Result {
    let names: Vec<_> = listing.names_to(id).into_iter().map(shown).collect();
    let title = names.last().map_or("reelseal", String::as_str);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style nonce=\"{nonce}\">{STYLE}</style>\n",
        Escaped(title)
    )?;
    write!(page, "<header>\n<h1>")?;
    write_trail(page, listing, id, root)?;
    write!(
        page,
        "</h1>\n<p><a href=\"index.m3u\">Playlist</a> <a href=\"index.json\">JSON</a></p>\n</header>\n<main>\n"
    )?;
    let folders: Vec<&Node> = listing.children(id).filter(|node| node.file().is_none()).collect();
    if !folders.is_empty() {
        writeln!(page, "<ul class=\"folders\">")?;
        for folder in folders {
            let address = joined(listing.names_to(folder.id));
            writeln!(page, "<li><a href=\"{root}{address}/\">{}/</a>", Escaped(&shown(&folder.name)))?;
        }
        writeln!(page, "</ul>")?;
    }
    for entry in entries(tree, listing, id, false) {
        write_entry(page, &entry, root)?;
    }
    writeln!(page, "</main>")
}

/// The folders that lead to this one.
fn write_trail(page: &mut String, listing: &Listing, id: NodeId, root: &str) -> fmt::Result {
    let names = listing.names_to(id);
    if id == ROOT {
        return write!(page, "reelseal");
    }
    write!(page, "<a href=\"{root}\">reelseal</a>")?;
    for (count, name) in names.iter().enumerate() {
        let name = shown(name);
        match names.get(..=count).filter(|above| above.len() < names.len()) {
            Some(above) => {
                write!(page, " / <a href=\"{root}{}/\">{}</a>", joined(above.iter().copied()), Escaped(&name))?
            }
            None => write!(page, " / {}", Escaped(&name))?,
        }
    }
    Ok(())
}

fn write_entry(page: &mut String, entry: &Entry, root: &str) -> fmt::Result {
    let address = format!("{root}{}", entry.address);
    write!(page, "<article>\n<h2><a href=\"{address}\">{}</a></h2>\n<p>", Escaped(&entry.name))?;
    match entry.length {
        Some((length, true)) => write!(page, "<span title=\"{}\">{}</span>", Bytes(length), Size(length))?,
        Some((length, false)) => {
            write!(page, "<span title=\"{}, estimated from the file size\">{}</span>", Bytes(length), Size(length))?;
        }
        None => write!(page, "<span title=\"shown after the file is opened\">length unknown</span>")?,
    }
    if let Some(time) = i64::try_from(entry.modified).ok().and_then(|time| Timestamp::from_second(time).ok()) {
        write!(page, " <time datetime=\"{time}\">{}</time>", time.strftime("%Y-%m-%d %H:%M UTC"))?;
    }
    if entry.is_recording {
        write!(page, " <span>recording</span>")?;
    }
    if let Some(error) = entry.error() {
        write!(page, " <strong>{}</strong>", Escaped(error))?;
    }
    if let Some(damage) = entry.damage() {
        write!(page, " <strong>{}</strong>", Escaped(&damage))?;
    }
    writeln!(page, "</p>")?;
    match entry.media_type.kind {
        // Browsers play MPEG-TS only from a playlist.
        Kind::Video if entry.is_recording => writeln!(
            page,
            "<video controls preload=\"none\"><source src=\"{address}.m3u8\" type=\"application/vnd.apple.mpegurl\">\
             <source src=\"{address}\" type=\"{}\"></video>",
            entry.media_type.name
        )?,
        Kind::Video => writeln!(page, "<video controls preload=\"none\" src=\"{address}\"></video>")?,
        Kind::Audio => writeln!(page, "<audio controls preload=\"none\" src=\"{address}\"></audio>")?,
        Kind::Image => writeln!(page, "<img loading=\"lazy\" alt=\"\" src=\"{address}\">")?,
        Kind::Text | Kind::Download => {}
    }
    writeln!(page, "</article>")
}

/// Text without markup.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => formatter.write_str("&amp;"),
            '<' => formatter.write_str("&lt;"),
            '>' => formatter.write_str("&gt;"),
            '"' => formatter.write_str("&quot;"),
            '\'' => formatter.write_str("&#39;"),
            other => formatter.write_char(other),
        })
    }
}

/// An exact number of bytes.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => formatter.write_str("1 byte"),
            count => write!(formatter, "{count} bytes"),
        }
    }
}

/// A number of bytes, for people to read.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB"];
        let mut size = self.0 as f64;
        let mut shown = None;
        for unit in units {
            if size < 1024.0 {
                break;
            }
            size /= 1024.0;
            shown = Some(unit);
        }
        match shown {
            None => Bytes(self.0).fmt(formatter),
            Some(unit) => write!(formatter, "{size:.1} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_sizes_are_for_people() {
        assert_eq!(Escaped("<a href='\"&\">").to_string(), "&lt;a href=&#39;&quot;&amp;&quot;&gt;");
        let sizes = [0, 1, 1023, 1024, 5 << 20, (1 << 30) + (1 << 29)].map(|size| Size(size).to_string());
        assert_eq!(sizes, ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "5.0 MiB", "1.5 GiB"]);
    }
}
