//! Brings a gate into a repository (pure): what is found there, and the files to write.

pub mod handwritten;
