//! What can be found out about a stream without reading all of it, as data.

pub(crate) mod findings;
pub(crate) mod quantum;
pub(crate) mod scrypt_parameters;
pub(crate) mod slot_findings;
pub(crate) mod time;
