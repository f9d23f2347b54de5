//! The real program in whole situations, on real embeddings: each test is one claim about what a user meets.

mod bad_input;
mod bad_records;
mod broker;
mod calibrate;
mod demo_page;
mod demo_story;
mod docs;
mod fixture;
mod http;
mod reader;
mod replay;
mod versions;
