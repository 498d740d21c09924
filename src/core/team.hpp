#pragma once
// What a parallel loop begun here would run on.

namespace cartan {

/// The threads of a loop that is begun here: 1 inside the block of another, where loops are serial. May
/// choose what runs at a time; results may not depend on it.
int team();

}  // namespace cartan
