#pragma once
// What model and training of UNCLE share.

#include "cartan/completion/neural/uncle.hpp"

namespace cartan::completion {

// lambda of every entry.
std::vector<double> intensities(const SparseTensor& x, const std::vector<Array>& factors);

// Throws std::invalid_argument unless they fit the shape.
void check_attributes(const std::vector<Attributes>& attributes, const Shape& shape);
// Columns of attribute_rows: one of zeros where there are no attributes.
Index attribute_count(const std::vector<Attributes>& attributes);
// The attributes of entries (N, d) int64, one after the other: (N, A).
Array attribute_rows(const std::vector<Attributes>& attributes, const Array& indices);
nn::Mlp attribute_network(const UncleOptions& o, Index attributes, nn::Init& init);

}  // namespace cartan::completion
