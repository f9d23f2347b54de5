//! Laws that hold for every input.

mod evidence;
mod features;
mod quality;
mod samples;
mod similarity;
mod weighted;
