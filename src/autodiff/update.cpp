#include "cartan/autodiff/update.hpp"

#include "autodiff/accumulate.hpp"
#include "autodiff/placement.hpp"
#include "core/buffer.hpp"

namespace cartan {
namespace {

// On the debug device: copies on the host, worked on there and copied back to where they were.
void apply_on_host(const Update& update, const std::vector<Array*>& written, const Arrays& read) {
  Arrays host;
  for (const Array* a : written) host.push_back(a->to(Device::cpu));
  std::vector<Array*> pointers;
  for (Array& a : host) pointers.push_back(&a);
  update.run_cpu(pointers, copies_on(Device::cpu, read));
  for (std::size_t k = 0; k < host.size(); ++k)
    copy_memory(written[k]->mutable_address(), written[k]->device(), host[k].raw(), Device::cpu,
                host[k].bytes());
}

}  // namespace

void Update::run_cuda(const std::vector<Array*>&, const Arrays&) const {
  throw DeviceError(text("[", name(), "] has no CUDA kernel; bring its arguments to the CPU with to()"));
}

void apply(const Update& update, const std::vector<Array*>& written, const Arrays& read) {
  Placement place(update.name());
  for (const Array* a : written) place.add(*a);
  for (const Array& a : read) place.add(a);
  for (Array* a : written) {
    require(!a->tracked(), "[", update.name(), "] an array to be written is tracked; detach it first");
    a->mutable_address();  // memory of its own
  }
  switch (place.device().kind) {
    case Device::Kind::cpu:
      return update.run_cpu(written, read);
    case Device::Kind::cuda:
      return update.run_cuda(written, read);
    case Device::Kind::debug:
      return apply_on_host(update, written, read);
  }
}

void add_in_place(Array& a, const Array& b) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), "[add_in_place] ", b.dtype(), " of shape ",
          b.shape(), " to ", a.dtype(), " of shape ", a.shape());
  apply(primitives::Accumulate(), {&a}, {b});
}

}  // namespace cartan
