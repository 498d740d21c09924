#pragma once
// Whole pieces of work at a time.

#include "cartan/core/parallel.hpp"
#include "core/team.hpp"

namespace cartan::functional {

/// body(k) for k in [0, n), as many at a time as there are threads. One that is left over then comes last,
/// alone, so that its own loops have all of the threads.
template <class Body>
void side_by_side(Index n, Body&& body) {
  const Index alone = team() > 1 && n % team() == 1 ? 1 : 0;
  parallel_for(n - alone, 1, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) body(k);
  });
  if (alone) body(n - 1);
}

}  // namespace cartan::functional
