#include "data/pickle.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

#include "cartan/core/error.hpp"
#include "cartan/core/printable.hpp"

namespace cartan::data {
namespace {

using Value = PickledValue;
using Kind = PickledValue::Kind;
using Values = std::vector<Value*>;

constexpr std::size_t most_values = 10'000'000;
constexpr int deepest = 200;

// Storage classes of torch, and what an element of theirs is.
const std::map<std::string, std::string>& storage_types() {
  static const std::map<std::string, std::string> types{
      {"torch.FloatStorage", "f4"},        {"torch.DoubleStorage", "f8"},
      {"torch.HalfStorage", "f2"},         {"torch.BFloat16Storage", "bf2"},
      {"torch.ComplexFloatStorage", "c8"}, {"torch.ComplexDoubleStorage", "c16"},
      {"torch.ByteStorage", "u1"},         {"torch.CharStorage", "i1"},
      {"torch.ShortStorage", "i2"},        {"torch.IntStorage", "i4"},
      {"torch.LongStorage", "i8"},         {"torch.BoolStorage", "b1"}};
  return types;
}

// Names that stand for themselves; those with a function below may be called too.
bool is_plain_name(const std::string& name) {
  static const std::vector<std::string> names{
      "torch.float16",    "torch.float32", "torch.float64", "torch.bfloat16", "torch.complex64",
      "torch.complex128", "torch.int8",    "torch.int16",   "torch.int32",    "torch.int64",
      "torch.uint8",      "torch.bool",    "torch.float",   "torch.double",   "torch.half",
      "torch.long",       "torch.int",     "torch.short",   "numpy.ndarray"};
  return storage_types().count(name) > 0 || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::size_t pickled_element_size(const std::string& type) {
  static const std::map<std::string, std::size_t> sizes{
      {"f2", 2}, {"bf2", 2}, {"f4", 4}, {"f8", 8}, {"c8", 8}, {"c16", 16}, {"b1", 1},
      {"u1", 1}, {"u2", 2},  {"u4", 4}, {"i1", 1}, {"i2", 2}, {"i4", 4},   {"i8", 8}};
  const auto found = sizes.find(type);
  return found == sizes.end() ? 0 : found->second;
}

class Pickle::Machine {
 public:
  Machine(std::string file, std::string object, std::string_view bytes, const std::vector<std::string>& names,
          std::deque<Value>& values)
      : file_(std::move(file)), object_(std::move(object)), bytes_(bytes), names_(names), values_(values) {}

  const Value* run();
  std::size_t position() const { return at_; }

 private:
  using Function = Value* (Machine::*)(const Values& arguments);

  [[noreturn]] void damaged(const std::string& what) const {
    throw FormatError(file_, text(object_, ", byte ", at_), what);
  }
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) damaged("the pickle ends too early: the file is truncated or damaged");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  std::uint64_t number(int width) {
    std::uint64_t out = 0;
    const std::string_view b = take(width);
    for (int k = 0; k < width; ++k) out |= std::uint64_t{static_cast<unsigned char>(b[k])} << 8 * k;
    return out;
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) damaged("the pickle ends too early: the file is truncated or damaged");
    const std::string out(take(end - at_));
    ++at_;
    return out;
  }

  Value* make(Kind kind) {
    if (values_.size() >= most_values) damaged(text("holds more than ", most_values, " values"));
    values_.emplace_back();
    values_.back().kind = kind;
    return &values_.back();
  }
  Value* make_text(Kind kind, std::string_view s) {
    Value* v = make(kind);
    v->text = s;
    return v;
  }
  Value* make_list(Values items) {
    Value* v = make(Kind::list);
    v->items = std::move(items);
    return v;
  }
  Value* make_tuple(Values items) {
    Value* v = make_list(std::move(items));
    v->integer = 1;
    return v;
  }
  Value* boolean(bool truth) {
    Value*& v = truths_[truth];
    if (!v) (v = make(Kind::boolean))->integer = truth;
    return v;
  }

  void push(Value* v) { stack_.push_back(v); }
  Value* pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("the stack is empty: damaged");
    Value* v = stack_.back();
    stack_.pop_back();
    return v;
  }
  Value* top() {
    Value* v = pop();
    push(v);
    return v;
  }
  Values pop_to_mark() {
    if (marks_.empty()) damaged("a mark is missing: damaged");
    Values out(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return out;
  }
  Values last(int count) {
    Values out(count);
    for (int k = count; k-- > 0;) out[k] = pop();
    return out;
  }

  Value* name(const std::string& module, const std::string& symbol);
  void integer_of(std::uint64_t width);
  void extend(Value* list, const Values& items);
  void set(Value* dict, const Values& items);
  Value* call(Value* function, Value* arguments);
  Value* object(Value* type, Value* arguments);
  void build(Value* object, Value* state);
  Value* storage(Value* id);
  void check_no_cycles(const Value* root);

  std::int64_t whole(const Value* v) const {
    if (v->kind != Kind::integer) damaged("an integer was expected: damaged");
    return v->integer;
  }
  std::vector<std::int64_t> whole_list(const Value* v) const {
    if (v->kind != Kind::list) damaged("a tuple of integers was expected: damaged");
    std::vector<std::int64_t> out;
    for (const Value* item : v->items) out.push_back(whole(item));
    return out;
  }
  void expect(bool condition, const char* what) const {
    if (!condition) damaged(std::string(what) + ": damaged, or of a newer version of PyTorch");
  }

  // What may be called.
  static const std::map<std::string, Function>& functions();
  Value* ordered_dict(const Values& a);
  Value* same_list(const Values& a);
  Value* device(const Values& a);
  Value* tensor(const Values& a);
  Value* parameter(const Values& a);
  Value* encode(const Values& a);
  Value* numpy_type(const Values& a);
  Value* numpy_array(const Values& a);
  Value* numpy_scalar(const Values& a);
  Value* complex(const Values& a);

  const std::string file_, object_;
  const std::string_view bytes_;
  const std::vector<std::string>& names_;
  std::deque<Value>& values_;
  std::size_t at_ = 0;
  Values stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Value*> memo_;
  Value* truths_[2] = {nullptr, nullptr};
};

const std::map<std::string, Pickle::Machine::Function>& Pickle::Machine::functions() {
  static const std::map<std::string, Function> table{
      {"collections.OrderedDict", &Machine::ordered_dict},
      {"torch._utils._rebuild_tensor_v2", &Machine::tensor},
      {"torch._utils._rebuild_parameter", &Machine::parameter},
      {"torch.Size", &Machine::same_list},
      {"torch.device", &Machine::device},
      {"_codecs.encode", &Machine::encode},
      {"numpy.dtype", &Machine::numpy_type},
      {"numpy.core.multiarray._reconstruct", &Machine::numpy_array},
      {"numpy._core.multiarray._reconstruct", &Machine::numpy_array},
      {"numpy.core.multiarray.scalar", &Machine::numpy_scalar},
      {"numpy._core.multiarray.scalar", &Machine::numpy_scalar},
      {"builtins.set", &Machine::same_list},
      {"__builtin__.set", &Machine::same_list},
      {"builtins.complex", &Machine::complex},
      {"__builtin__.complex", &Machine::complex}};
  return table;
}

Value* Pickle::Machine::name(const std::string& module, const std::string& symbol) {
  const std::string full = module + "." + symbol;
  if (functions().count(full) == 0 && !is_plain_name(full) &&
      std::find(names_.begin(), names_.end(), full) == names_.end())
    damaged(
        "mentions " + printable(full) +
        ", which is not read: the file may run code where it is unpickled, or holds whole Python objects. "
        "Save its state dict (tensors, numbers, texts) instead");
  return make_text(Kind::name, full);
}

// Two's complement, little endian; what does not fit into 64 bits becomes a real number.
void Pickle::Machine::integer_of(std::uint64_t width) {
  const std::string_view b = take(width);
  const bool negative = !b.empty() && (static_cast<unsigned char>(b.back()) & 128);
  if (width <= 8) {
    std::uint64_t out = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t k = b.size(); k-- > 0;) out = out << 8 | static_cast<unsigned char>(b[k]);
    Value* v = make(Kind::integer);
    v->integer = static_cast<std::int64_t>(out);
    return push(v);
  }
  double out = negative ? -1 : 0;
  for (std::size_t k = b.size(); k-- > 0;) out = 256 * out + static_cast<unsigned char>(b[k]);
  Value* v = make(Kind::real);
  v->real = out;
  push(v);
}

void Pickle::Machine::extend(Value* list, const Values& items) {
  if (list->kind != Kind::list) damaged("appends to what is no list: damaged");
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void Pickle::Machine::set(Value* dict, const Values& items) {
  if (dict->kind != Kind::dict || items.size() % 2 != 0) damaged("sets entries of what is no dict: damaged");
  dict->items.insert(dict->items.end(), items.begin(), items.end());
}

Value* Pickle::Machine::call(Value* function, Value* arguments) {
  if (function->kind != Kind::name || arguments->kind != Kind::list)
    damaged("calls what is no function: damaged");
  const auto found = functions().find(function->text);
  if (found == functions().end()) damaged("calls " + printable(function->text) + ", which is not done");
  return (this->*found->second)(arguments->items);
}

// An object of a class that the caller names: a dict of what it is given as its state.
Value* Pickle::Machine::object(Value* type, Value* arguments) {
  if (type->kind != Kind::name || functions().count(type->text) > 0 ||
      std::find(names_.begin(), names_.end(), type->text) == names_.end())
    return call(type, arguments);
  expect(arguments->kind == Kind::list && arguments->items.empty(), "an object is made of arguments");
  Value* out = make(Kind::dict);
  out->text = type->text;
  return out;
}

Value* Pickle::Machine::ordered_dict(const Values& a) {
  Value* out = make(Kind::dict);
  if (a.empty()) return out;
  expect(a.size() == 1 && a[0]->kind == Kind::list, "an OrderedDict is not made of pairs");
  for (const Value* pair : a[0]->items) {
    expect(pair->kind == Kind::list && pair->items.size() == 2, "an OrderedDict is not made of pairs");
    set(out, pair->items);
  }
  return out;
}

Value* Pickle::Machine::same_list(const Values& a) {
  expect(a.size() == 1 && a[0]->kind == Kind::list, "a tuple or set is not made of a list");
  return a[0];
}

Value* Pickle::Machine::device(const Values& a) {
  expect(!a.empty() && a[0]->kind == Kind::text, "a device has no name");
  return make_text(Kind::text, a.size() > 1 ? text(a[0]->text, ":", whole(a[1])) : a[0]->text);
}

Value* Pickle::Machine::complex(const Values& a) {
  expect(a.size() == 2 && a[0]->kind == Kind::real && a[1]->kind == Kind::real,
         "a complex number is incomplete");
  return make_list(a);
}

// ("storage", type, key, place, elements)
Value* Pickle::Machine::storage(Value* id) {
  expect(id->kind == Kind::list && id->items.size() >= 5 && id->items[0]->text == "storage" &&
             id->items[1]->kind == Kind::name && id->items[2]->kind == Kind::text,
         "a storage is not described as PyTorch does");
  expect(id->items.size() == 5 || id->items[5]->kind == Kind::none, "a storage is the view of another one");
  const auto type = storage_types().find(id->items[1]->text);
  if (type == storage_types().end())
    damaged("storages of " + printable(id->items[1]->text) + " are not read");
  Value* out = make(Kind::storage);
  out->tensor = std::make_unique<PickledTensor>();
  out->tensor->type = type->second;
  out->tensor->storage = id->items[2]->text;
  out->tensor->storage_size = whole(id->items[4]);
  expect(out->tensor->storage_size >= 0, "a storage has a negative size");
  return out;
}

// (storage, offset, shape, stride, requires_grad, hooks[, metadata])
Value* Pickle::Machine::tensor(const Values& a) {
  expect(a.size() >= 4 && a[0]->kind == Kind::storage, "a tensor is not described as PyTorch does");
  Value* out = make(Kind::tensor);
  out->tensor = std::make_unique<PickledTensor>(*a[0]->tensor);
  out->tensor->offset = whole(a[1]);
  out->tensor->shape = whole_list(a[2]);
  out->tensor->stride = whole_list(a[3]);
  if (a.size() < 7 || a[6]->kind != Kind::dict) return out;
  for (std::size_t k = 0; k + 1 < a[6]->items.size(); k += 2) {
    const std::string& key = a[6]->items[k]->text;
    const bool set = a[6]->items[k + 1]->integer != 0;
    if (key == "conj")
      out->tensor->conjugate = set;
    else if (key == "neg")
      out->tensor->negative = set;
    else if (set)
      damaged("a tensor has the property " + printable(key) + ", which is not read");
  }
  return out;
}

Value* Pickle::Machine::parameter(const Values& a) {
  expect(!a.empty() && a[0]->kind == Kind::tensor, "a parameter is not made of a tensor");
  return a[0];
}

// Bytes travel as text in Latin-1 in protocol 2.
Value* Pickle::Machine::encode(const Values& a) {
  expect(a.size() == 2 && a[0]->kind == Kind::text && a[1]->text == "latin1",
         "bytes are not encoded in latin1");
  const std::string& s = a[0]->text;
  std::string out;
  for (std::size_t k = 0; k < s.size(); ++k) {
    const auto c = static_cast<unsigned char>(s[k]);
    if (c < 0x80) {
      out += s[k];
      continue;
    }
    expect((c & 0xfc) == 0xc0 && k + 1 < s.size(), "encoded bytes are no Latin-1");
    out += static_cast<char>(c << 6 | (static_cast<unsigned char>(s[++k]) & 63));
  }
  return make_text(Kind::bytes, out);
}

// dtype("f4", False, True); its byte order comes with BUILD.
Value* Pickle::Machine::numpy_type(const Values& a) {
  expect(!a.empty() && a[0]->kind == Kind::text, "a type of numpy has no name");
  return make_text(Kind::numpy_type, a[0]->text);
}

Value* Pickle::Machine::numpy_array(const Values&) {
  Value* out = make(Kind::tensor);  // what it holds comes with BUILD
  out->tensor = std::make_unique<PickledTensor>();
  out->tensor->inside = true;
  return out;
}

Value* Pickle::Machine::numpy_scalar(const Values& a) {
  expect(a.size() == 2 && a[0]->kind == Kind::numpy_type && a[1]->kind == Kind::bytes,
         "a number of numpy is not described as numpy does");
  const std::string &type = a[0]->text, &bytes = a[1]->text;
  expect(pickled_element_size(type) == bytes.size(), "a number of numpy is of another size than its type");
  const bool real = type == "f4" || type == "f8";
  if (!real && (type[0] == 'f' || type[0] == 'c'))
    damaged("numbers of numpy's type " + type + " are not read");
  Value* out = make(real ? Kind::real : type == "b1" ? Kind::boolean : Kind::integer);
  if (type == "f4") {
    float f = 0;
    std::memcpy(&f, bytes.data(), sizeof f);
    out->real = f;
  } else if (type == "f8") {
    std::memcpy(&out->real, bytes.data(), sizeof out->real);
  } else {
    const bool negative = type[0] == 'i' && (static_cast<unsigned char>(bytes.back()) & 128);
    std::uint64_t n = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t k = bytes.size(); k-- > 0;) n = n << 8 | static_cast<unsigned char>(bytes[k]);
    out->integer = static_cast<std::int64_t>(n);
  }
  return out;
}

void Pickle::Machine::build(Value* object, Value* state) {
  if (object->kind == Kind::dict && !object->text.empty()) {
    expect(state->kind == Kind::dict, "the state of an object is no dict");
    return set(object, state->items);
  }
  if (object->kind == Kind::dict) return;  // the _metadata of a state dict
  if (object->kind == Kind::numpy_type) {
    expect(state->kind == Kind::list && state->items.size() >= 2 && state->items[1]->kind == Kind::text,
           "a type of numpy is not described as numpy does");
    if (state->items[1]->text == ">") damaged("holds big-endian numbers of numpy, which are not read");
    return;
  }
  // (version, shape, type, Fortran order, bytes)
  expect(object->kind == Kind::tensor && object->tensor->inside && state->kind == Kind::list &&
             state->items.size() == 5 && state->items[2]->kind == Kind::numpy_type,
         "an object is given a state that plain values do not have");
  PickledTensor& t = *object->tensor;
  expect(t.type.empty(), "an array of numpy is filled twice");
  t.type = state->items[2]->text;
  t.shape = whole_list(state->items[1]);
  const bool fortran = state->items[3]->integer != 0;
  t.stride.assign(t.shape.size(), 1);
  std::int64_t step = 1;
  for (std::size_t k = 0; k < t.shape.size(); ++k) {
    const std::size_t axis = fortran ? k : t.shape.size() - 1 - k;
    t.stride[axis] = step;
    expect(
        t.shape[axis] >= 0 && !__builtin_mul_overflow(step, std::max<std::int64_t>(1, t.shape[axis]), &step),
        "an array of numpy has an impossible shape");
  }
  // Arrays of objects have a list here: they stay unread.
  if (state->items[4]->kind == Kind::bytes) t.bytes = state->items[4]->text;
  const std::size_t width = pickled_element_size(t.type);
  t.storage_size = width ? static_cast<std::int64_t>(t.bytes.size() / width) : 0;
}

// Everything that walks over the values may then recurse.
void Pickle::Machine::check_no_cycles(const Value* root) {
  enum : char { open = 1, done = 2 };
  std::unordered_map<const Value*, char> state;
  std::vector<std::pair<const Value*, std::size_t>> path{{root, 0}};
  state[root] = open;
  while (!path.empty()) {
    auto& [value, next] = path.back();
    if (next == value->items.size()) {
      state[value] = done;
      path.pop_back();
      continue;
    }
    const Value* item = value->items[next++];
    char& s = state[item];
    if (s == open) damaged("a value holds itself: damaged");
    if (s == done) continue;
    if (path.size() >= static_cast<std::size_t>(deepest))
      damaged(text("values are nested deeper than ", deepest, " levels"));
    s = open;
    path.emplace_back(item, 0);
  }
}

const Value* Pickle::Machine::run() {
  Value* none = make(Kind::none);
  Value* empty = make_tuple({});  // the one empty tuple
  for (;;) {
    const auto op = static_cast<unsigned char>(take(1)[0]);
    switch (op) {
      case 0x80: {  // PROTO
        const auto protocol = number(1);
        if (protocol < 2 || protocol > 5)
          damaged(text("is a pickle of protocol ", protocol, "; 2 to 5 are read"));
        break;
      }
      case 0x95:
        number(8);
        break;     // FRAME
      case '.': {  // STOP
        Value* root = pop();
        if (!stack_.empty()) damaged("values are left on the stack: damaged");
        check_no_cycles(root);
        return root;
      }
      case '(':
        marks_.push_back(stack_.size());
        break;
      case '0':
        pop();
        break;
      case '1':
        pop_to_mark();
        break;
      case '2':
        push(top());
        break;
      case 'N':
        push(none);
        break;
      case 0x88:
        push(boolean(true));
        break;
      case 0x89:
        push(boolean(false));
        break;
      case 'K':
      case 'M': {
        Value* v = make(Kind::integer);
        v->integer = static_cast<std::int64_t>(number(op == 'K' ? 1 : 2));
        push(v);
        break;
      }
      case 'J':
        integer_of(4);
        break;
      case 0x8a:
        integer_of(number(1));
        break;
      case 0x8b:
        integer_of(number(4));
        break;
      case 'G': {  // the one number that is big-endian
        const std::string_view b = take(8);
        std::uint64_t bits = 0;
        for (const char c : b) bits = bits << 8 | static_cast<unsigned char>(c);
        Value* v = make(Kind::real);
        std::memcpy(&v->real, &bits, sizeof bits);
        push(v);
        break;
      }
      case 'X':
        push(make_text(Kind::text, take(number(4))));
        break;
      case 0x8c:
        push(make_text(Kind::text, take(number(1))));
        break;
      case 0x8d:
        push(make_text(Kind::text, take(number(8))));
        break;
      case 'T':
        push(make_text(Kind::bytes, take(number(4))));
        break;
      case 'U':
        push(make_text(Kind::bytes, take(number(1))));
        break;
      case 'B':
        push(make_text(Kind::bytes, take(number(4))));
        break;
      case 'C':
        push(make_text(Kind::bytes, take(number(1))));
        break;
      case 0x8e:
        push(make_text(Kind::bytes, take(number(8))));
        break;
      case ')':
        push(empty);
        break;
      case 0x85:
        push(make_tuple(last(1)));
        break;
      case 0x86:
        push(make_tuple(last(2)));
        break;
      case 0x87:
        push(make_tuple(last(3)));
        break;
      case 't':
        push(make_tuple(pop_to_mark()));
        break;
      case 0x91:
        push(make_list(pop_to_mark()));
        break;  // FROZENSET
      case ']':
      case 0x8f:
        push(make(Kind::list));
        break;
      case 'a': {
        const Values items = last(1);
        extend(top(), items);
        break;
      }
      case 'e':
      case 0x90: {
        const Values items = pop_to_mark();
        extend(top(), items);
        break;
      }
      case '}':
        push(make(Kind::dict));
        break;
      case 's': {
        const Values items = last(2);
        set(top(), items);
        break;
      }
      case 'u': {
        const Values items = pop_to_mark();
        set(top(), items);
        break;
      }
      case 'd': {
        Value* dict = make(Kind::dict);
        set(dict, pop_to_mark());
        push(dict);
        break;
      }
      case 'c': {
        const std::string module = line();
        push(name(module, line()));
        break;
      }
      case 0x93: {
        const Values parts = last(2);
        expect(parts[0]->kind == Kind::text && parts[1]->kind == Kind::text, "a name is no text");
        push(name(parts[0]->text, parts[1]->text));
        break;
      }
      case 'R':
      case 0x81: {  // REDUCE, NEWOBJ
        Value* arguments = pop();
        Value* function = pop();
        push(op == 'R' ? call(function, arguments) : object(function, arguments));
        break;
      }
      case 'b': {
        Value* state = pop();
        build(top(), state);
        break;
      }
      case 'Q':
        push(storage(pop()));
        break;
      case 'q':
        memo_[number(1)] = top();
        break;
      case 'r':
        memo_[number(4)] = top();
        break;
      case 0x94: {
        const std::uint64_t next = memo_.size();
        memo_[next] = top();
        break;
      }
      case 'h':
      case 'j': {
        const auto found = memo_.find(number(op == 'h' ? 1 : 4));
        if (found == memo_.end()) damaged("refers to a value that is not there: damaged");
        push(found->second);
        break;
      }
      default:
        damaged(text("operation ", int{op}, " of pickle is not read: damaged, or no file of torch.save"));
    }
  }
}

Pickle::Pickle(const std::string& file, const std::string& object, std::string_view bytes,
               const std::vector<std::string>& names) {
  Machine machine(file, object, bytes, names, values_);
  root_ = machine.run();
  size_ = machine.position();
}

}  // namespace cartan::data
