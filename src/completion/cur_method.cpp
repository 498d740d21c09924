// Tucker-CUR as a method of the table.
#include "cartan/completion/cur.hpp"
#include "cartan/core/error.hpp"
#include "completion/methods.hpp"

namespace cartan::completion {
namespace {

class CurMethod final : public Method {
 public:
  const char* kind() const override { return "cur"; }
  config::Fields fields() override { return config::fields_of(options_); }
  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    Fitted<Cur> made = complete_cur(train, validation, options_, c);
    cur_ = std::move(made.tensor);
    return std::move(made.summary);
  }
  Prediction predict(const Array& indices) const override {
    check_indices(kind(), indices, cur_.tensor.shape());
    return {cur_.tensor.at(indices).as(DType::f64), {}};
  }
  void save(data::Group& group) const override { cur_.save(group); }
  void load(const data::Group& group) override { cur_ = Cur::load(group); }
  std::vector<std::vector<Index>> notable() const override { return cur_.indices; }

  std::vector<std::pair<std::string, data::Figure>> figures() const override {
    std::vector<std::pair<std::string, data::Figure>> out;
    for (std::size_t k = 0; k < cur_.tensor.factors.size(); ++k) {
      const Array& a = cur_.tensor.factors[k];
      data::Figure f;
      f.title = text(cur_.fibres.empty() ? "Mixtures of indices of mode " : "Fibres of mode ", k);
      f.x_label = "index";
      for (Index r = 0; r < std::min<Index>(a.dim(1), 12); ++r) {
        data::Series s;
        s.name = cur_.fibres.empty() ? text("index ", cur_.indices[k][static_cast<std::size_t>(r)])
                                     : name_of(cur_.fibres[k], r);
        s.line = a.dim(0) <= 2000;
        for (Index i = 0; i < a.dim(0); ++i) s.x.push_back(static_cast<double>(i)), s.y.push_back(a(i, r));
        f.series.push_back(std::move(s));
      }
      out.emplace_back(text("factor_", k), std::move(f));
    }
    return out;
  }

 private:
  // "(3, ., 5)"
  static std::string name_of(const Array& fibres, Index r) {
    std::string name;
    for (Index k = 0; k < fibres.dim(1); ++k) {
      const Index i = fibres.data<Index>()[r * fibres.dim(1) + k];
      name += (k ? ", " : "(") + (i < 0 ? std::string(".") : text(i));
    }
    return name + ")";
  }

  CurOptions options_;
  Cur cur_;
};

}  // namespace

std::unique_ptr<Method> make_cur() {
  return std::make_unique<CurMethod>();
}

}  // namespace cartan::completion
