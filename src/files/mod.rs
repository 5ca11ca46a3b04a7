//! Files and folders: what is read, what is written, and files that appear whole or not at all.

mod access_list;
pub(crate) mod atomic_file;
pub(crate) mod carried_over;
pub(crate) mod descriptors;
pub(crate) mod exposure;
pub(crate) mod file_identity;
pub(crate) mod folders;
pub(crate) mod input;
pub(crate) mod label;
pub(crate) mod naming;
pub(crate) mod output;
pub(crate) mod output_error;
mod place;
pub(crate) mod protected;
mod recognition;
pub(crate) mod standard_stream;
pub(crate) mod temporaries;
pub(crate) mod walk;
