//! The real program in whole situations, on real embeddings: each test is one claim about what a user meets.

mod bad_input;
mod bad_records;
mod broker;
mod calibrate;
mod consumed;
mod demo_page;
mod demo_story;
mod docs;
mod fixture;
mod foreign_formats;
mod http;
mod reader;
mod registry;
mod replay;
mod versions;
