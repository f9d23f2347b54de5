//! Laws that hold for every input.

mod evidence;
mod quality;
mod samples;
mod similarity;
mod weighted;
