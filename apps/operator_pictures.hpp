#pragma once
// Pictures of operators: a sample beside its prediction and the error, spectra, rollouts.

#include <cartan/operators/training.hpp>
#include <string>
#include <vector>

namespace cartan::app {

/// The files, whose names begin with `prefix`: sample.svg (x, y, prediction and error of the sample of
/// middling error), worst.svg (of the largest), spectra.svg, and of rollouts growth.svg (error by frame).
std::vector<std::string> draw_errors(const operators::Model& model, const operators::FieldSet& set,
                                     const operators::FieldErrors& errors, const std::string& prefix);
/// Those of them that draw_errors() would write.
std::vector<std::string> picture_files(const std::string& prefix, bool frames);

/// Frames of one sample as a strip, evenly chosen, the truth above them where there is one.
/// @param frames  (channels, grid)
/// @param truth   the same, or empty
void draw_strip(const Array& frames, const Array& truth, const std::string& title, const std::string& path);

}  // namespace cartan::app
