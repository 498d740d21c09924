// Writes an HDF5 file as other programs do, with objects that Cartan does not read beside one that it does:
//
//   make_foreign FILE.h5    /t (20, 20) = cos(i / 10) sin(j / 10), and /rows, /name, /link, /kind; /again is
//   /twice as
//                           well, /loop has itself and the root as members

#include <hdf5.h>

#include <cmath>
#include <vector>

int main(int, char** argv) {
  const hid_t file = H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const auto write = [&](const char* name, hid_t type, std::vector<hsize_t> shape, const void* data) {
    const hid_t space = shape.empty()
                            ? H5Screate(H5S_SCALAR)
                            : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0 || H5Dclose(set) < 0 ||
           H5Sclose(space) < 0;
  };
  std::vector<double> t;
  for (int i = 0; i < 20; ++i)
    for (int j = 0; j < 20; ++j) t.push_back(std::cos(0.1 * i) * std::sin(0.1 * j));
  struct Row {
    double a;
    int b;
  };
  const Row rows[3] = {{1, 2}, {3, 4}, {5, 6}};
  const hid_t row = H5Tcreate(H5T_COMPOUND, sizeof(Row)), words = H5Tcopy(H5T_C_S1);
  H5Tinsert(row, "a", HOFFSET(Row, a), H5T_NATIVE_DOUBLE);
  H5Tinsert(row, "b", HOFFSET(Row, b), H5T_NATIVE_INT);
  H5Tset_size(words, H5T_VARIABLE);
  const char* name = "a name";
  const double one = 1;
  const hid_t loop = H5Gcreate2(file, "loop", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  return write("t", H5T_NATIVE_DOUBLE, {20, 20}, t.data()) || write("rows", row, {3}, rows) ||
         write("name", words, {}, &name) || write("again", H5T_NATIVE_DOUBLE, {}, &one) ||
         H5Lcreate_hard(file, "again", file, "twice", H5P_DEFAULT, H5P_DEFAULT) < 0 ||
         H5Lcreate_hard(file, "loop", loop, "itself", H5P_DEFAULT, H5P_DEFAULT) < 0 ||
         H5Lcreate_hard(file, "/", loop, "top", H5P_DEFAULT, H5P_DEFAULT) < 0 || H5Gclose(loop) < 0 ||
         H5Lcreate_soft("/t", file, "link", H5P_DEFAULT, H5P_DEFAULT) < 0 ||
         H5Tcommit2(file, "kind", row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT) < 0 || H5Fclose(file) < 0;
}
