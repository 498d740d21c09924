// Writes the seeds of the fuzz targets: make_seeds FOLDER. They are small, so that a byte changed at random
// matters.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <vector>

#include "cartan/data/hdf5.hpp"
#include "cartan/data/readers.hpp"
#include "cartan/data/torch_file.hpp"

using namespace cartan;
using namespace cartan::data;

namespace {

std::string root;

std::string place(const std::string& target, const std::string& name) {
  std::filesystem::create_directories(root + "/" + target);
  return root + "/" + target + "/" + name;
}

void text(const std::string& target, const std::string& name, const std::string& content) {
  std::ofstream(place(target, name), std::ios::binary) << content;
}

std::vector<Frame> molecules() {
  std::vector<Frame> frames(3);
  for (std::size_t k = 0; k < frames.size(); ++k) {
    Frame& f = frames[k];
    const double x = 0.1 * static_cast<double>(k);
    f.numbers = {8, 1, 1};
    f.positions = {0, 0, 0, 0.96, x, 0, -0.24, 0.93, x};
    f.forces = {x, 0, 0, 0, x, 0, -x, -x, 0};
    f.energy = -14.0 + x;
    f.info["run"] = std::int64_t{3};
    f.info["name"] = std::string("two words");
    f.labels["residue"] = {"SOL", "SOL", "SOL"};
    f.arrays["charges"] = Array::from(std::vector<double>{-0.8, 0.4, 0.4});
  }
  frames[1].cell = {8, 0, 0, 0, 8, 0, 1, 0, 9};
  frames[1].pbc = {true, true, true};
  frames[1].stress = std::array<double, 9>{1e-3, 0, 0, 0, 2e-3, 0, 0, 0, 3e-3};
  return frames;
}

void hdf5_seeds() {
  save(place("hdf5", "frames.h5"), frames_to_group(molecules()), {"cartan-frames", 1, "", ""});
  Group g;  // chunks, complex numbers, groups, every kind of attribute
  g.set("chunked", Array::full({60, 4}, 0.5, DType::f64), "eV", "a,b");
  g.set("group/complex", Array::full({3}, 2, DType::c64));
  g.set("group/scalar", Array::scalar(1, DType::i64));
  g.attributes = {{"i", std::int64_t{1}},
                  {"d", 0.5},
                  {"s", std::string("text")},
                  {"ds", std::vector<double>{1, 2}},
                  {"is", std::vector<std::int64_t>{1}},
                  {"ss", std::vector<std::string>{"a", "bc"}}};
  g["group"].attributes["unit"] = std::string("A");  // text of variable length
  save(place("hdf5", "tree.h5"), g, {"cartan-test", 1, "", "seed = 1\n"});
}

void numpy_seeds() {
  std::vector<Frame> same(molecules());
  same.erase(same.begin() + 1);
  write_frames(place("npz", "rmd17.npz"), same);
  write_npz(place("npz", "arrays.npz"),
            {{"x", Array::full({2, 3}, 1.5, DType::f32)}, {"n", Array::scalar(-7, DType::i64)}});
  write_npy(place("npy", "f8.npy"), Array::from(std::vector<double>{1, 2, 3, 4}, {2, 2}));
  write_npy(place("npy", "c8.npy"), Array::full({1, 2}, 3, DType::c64));
  text("npy", "fortran.npy",
       std::string("\x93NUMPY\1\0\x38\0", 10) + "{'descr': '>i2', 'fortran_order': True, 'shape': (2,)} \n" +
           std::string("\0\1\0\2", 4));
}

void log_seeds() {
  const std::string path = place("log", "t.h5");
  {
    Hdf5Appender log(path, {"cartan-trajectory", 1, "", ""});
    for (int k = 0; k < 3; ++k) {
      log.append("particles/position", Array::full({1, 2, 3}, k, DType::f64), "angstrom");
      log.append("particles/step", Array::from(std::vector<std::int64_t>{k}));
    }
    log.set_attribute("particles", "kind", std::string("water"));
    log.flush();
    log.truncate("particles/step", 2);
    log.flush();
  }
  std::filesystem::rename(path + ".part", place("log", "trajectory.part"));
}

// The older stream of torch.save: {"w": a tensor of 2 x 3 floats, "n": [1, 2.5, None]}.
void torch_seed() {
  const auto bytes = [](std::uint64_t value, int width) {
    std::string out;
    for (int k = 0; k < width; ++k) out += static_cast<char>(value >> 8 * k & 255);
    return out;
  };
  const auto word = [&](const std::string& s) { return "X" + bytes(s.size(), 4) + s; };
  const std::string begin = "\x80\x02";
  const std::string storage =
      "(" + word("storage") + "ctorch\nFloatStorage\n" + word("0") + word("cpu") + "K\6NtQ";
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + std::string("K\0", 2) +
                             "K\2K\3\x86K\3K\1\x86\x89" + "ccollections\nOrderedDict\n)RtR";
  const std::string real = "G\x40\x04" + std::string(6, '\0');
  text("torch", "stream.pt",
       begin + "\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + begin + "M\xe9\x03." + begin + "}(" +
           word("little_endian") + "\x88u." + begin + "}(" + word("w") + tensor + word("n") + "](K\1" + real +
           "Neu." + begin + "](" + word("0") + "e." + bytes(6, 8) + std::string(24, '\1'));
  data::TorchFile(place("torch", "stream.pt")).root()["w"].array();  // throws when it is none
}

void text_seeds() {
  write_frames(root + "/extxyz-seed.xyz", molecules());
  std::filesystem::create_directories(root + "/extxyz");
  std::filesystem::rename(root + "/extxyz-seed.xyz", place("extxyz", "molecules.xyz"));
  text("extxyz", "plain.xyz", "2\na comment\nH 0 0 0\nCl 0 0 1.27\n1\n\nHe 1e-3 .5 -2\n");
  text("extxyz", "header.xyz",
       "1\nProperties=species:S:1:pos:R:3:w:R:2:b:L:1:i:I:1 Lattice=\"5 0 0 0 5 0 0 0 5\" pbc=\"T T F\" "
       "energy=-1.5D0 "
       "virial=\"1 0 0 0 1 0 0 0 1\" list=[[1, 2], [3, 4]] old={4 5} json=_JSON {\"a\": [1]} flag 'odd "
       "key'=\"say "
       "\\\"hi\\\"\" texts=[a, \"b c\"]\nSi 0 0 0 1 2 T -3\n");
  const std::string cell = "4 0 0\n0 5 0\n1 0 6\n";
  text("frames", "POSCAR", "water\n1.0\n" + cell + "O H\n1 2\nDirect\n0 0 0\n.5 .5 .5\n0 0 1\n");
  text("frames", "CONTCAR",
       "md\n-120\n" + cell +
           "O_s H/1a\n1 1\nSelective dynamics\nCartesian\n0 0 0 T T F\n0 0 1 F F F\n\n0.1 0 0\n0 0 "
           "-0.2\n\n1\n0.5\n");
  text("frames", "old", "Si O\n1 2 3\n" + cell + "1 1\nK\n0 0 0\n1 1 1\nLattice velocities and vectors\n1\n");
  text("frames", "dump", "ITEM: TIMESTEP\n0\n");
  text("charges", "pqr",
       std::string("\0", 1) +
           "REMARK\nATOM 1 N ALA 1 0.0 0.5 1.0 -0.4 1.8\nHETATM12345 NA NA 2 1 2 3 1.0 1.2\nEND\n");
  text("charges", "pdb",
       "\1"
       "MODEL        1\n"
       "ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00           N1+\n"
       "HETATM    2 NA    NA A   2       1.000   2.000   3.000  1.00  0.00          NA1+\nENDMDL\n");
  text("charges", "pdbqt",
       "\2"
       "ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00    -0.347 N \n");
  text("charges", "xyz",
       "\3"
       "2\nsalt\nNa 0 0 0 1\nCl 0 0 2.4 -1\n");
  text("run_file", "all", R"(# a run
[one]
whole = 3
real = 1e-3
flag = true
[two]
words = "a \u00c5 \"b\""
kind = 'b'
reals = [1, 2.5,
 0x1F]
names = ["x", """y
z"""]
)");
  text("run_file", "other", R"(one.whole = 1
two = {kind = "a", names = []}
[[three]]
a.b."c" = -1_9.5e3
)");
  text("expression", "gauss", "exp(-(x^2+y^2+z^2))");
  text("expression", "all", "- -2**-x1 + max(y, min(z, pi)) * atan2(.5e-3, hypot(x, e))/cbrt(8)");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  root = argv[1];
  hdf5_seeds();
  numpy_seeds();
  log_seeds();
  torch_seed();
  text_seeds();
} catch (const std::exception& error) {
  std::fprintf(stderr, "make_seeds: %s\n", error.what());
  return 1;
}
