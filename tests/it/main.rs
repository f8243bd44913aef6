//! The integration tests: statements about what the program does, watched from outside.

mod house;
mod kill;
mod line;
mod support;
