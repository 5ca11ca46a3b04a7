//! What `--version` says about the build and the machine.

use std::{env::consts, sync::LazyLock};

use crate::container::VERSION;

static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!(
        "{}\ncontainer format: {VERSION}\nbuilt for: {} on {}, {profile}\nCPU features found: {}",
        env!("CARGO_PKG_VERSION"),
        consts::OS,
        consts::ARCH,
        cpu_features().join(", "),
    )
});

pub(super) fn long_version() -> &'static str {
    &LONG_VERSION
}

/// The features that make AES (aes, vaes), BLAKE3 and scrypt (the rest) fast, and that their crates detect at run time.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let known = [
        ("aes", is_x86_feature_detected!("aes")),
        ("vaes", is_x86_feature_detected!("vaes")),
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
    ];
    #[cfg(target_arch = "aarch64")]
    let known = [
        ("aes", std::arch::is_aarch64_feature_detected!("aes")),
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
    ];
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let known: [(&str, bool); 0] = [];
    let found: Vec<_> = known.into_iter().filter_map(|(name, found)| found.then_some(name)).collect();
    if found.is_empty() { vec!["none that matters"] } else { found }
}
