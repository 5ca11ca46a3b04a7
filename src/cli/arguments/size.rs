//! Sizes, with binary units.

use parse_size::Config;

use crate::container::FrameSize;

pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    Config::new().with_binary().parse_size(text).map_err(|_| "a number of bytes, such as 512M or 2G".to_owned())
}

pub(super) fn parse_frame_size(text: &str) -> Result<FrameSize, String> {
    parse_size(text)
        .ok()
        .and_then(FrameSize::from_bytes)
        .ok_or_else(|| "a power of two from 4K to 16M, such as 64K or 1M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::DEFAULT_KDF_MEMORY;

    #[test]
    fn sizes_are_binary_and_the_default_limit_is_the_librarys() {
        assert_eq!(parse_frame_size("4K").unwrap(), FrameSize::MIN);
        assert_eq!(parse_frame_size("16MiB").unwrap(), FrameSize::MAX);
        assert!(parse_frame_size("5K").is_err() && parse_frame_size("32M").is_err());
        assert_eq!(parse_size("1G").unwrap(), DEFAULT_KDF_MEMORY);
    }
}
