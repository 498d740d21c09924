#include "data/isotopes.hpp"

#include <charconv>
#include <string>

#include "cartan/data/frame.hpp"

namespace cartan::data {
namespace {

struct Isotope {
  int number, nucleons;
  double mass;  // amu, AME2020 to five decimals
};

constexpr Isotope isotopes[] = {
    {1, 1, 1.00783},      {1, 2, 2.01410},      {1, 3, 3.01605},      {2, 3, 3.01603},
    {2, 4, 4.00260},      {3, 6, 6.01512},      {3, 7, 7.01600},      {4, 9, 9.01218},
    {5, 10, 10.01294},    {5, 11, 11.00931},    {6, 12, 12.0},        {6, 13, 13.00335},
    {6, 14, 14.00324},    {7, 14, 14.00307},    {7, 15, 15.00011},    {8, 16, 15.99491},
    {8, 17, 16.99913},    {8, 18, 17.99916},    {9, 18, 18.00094},    {9, 19, 18.99840},
    {10, 20, 19.99244},   {10, 21, 20.99385},   {10, 22, 21.99139},   {11, 22, 21.99444},
    {11, 23, 22.98977},   {12, 24, 23.98504},   {12, 25, 24.98584},   {12, 26, 25.98259},
    {13, 27, 26.98154},   {14, 28, 27.97693},   {14, 29, 28.97649},   {14, 30, 29.97377},
    {15, 31, 30.97376},   {15, 32, 31.97391},   {16, 32, 31.97207},   {16, 33, 32.97146},
    {16, 34, 33.96787},   {16, 36, 35.96708},   {17, 35, 34.96885},   {17, 37, 36.96590},
    {18, 36, 35.96755},   {18, 38, 37.96273},   {18, 40, 39.96238},   {19, 39, 38.96371},
    {19, 40, 39.96400},   {19, 41, 40.96183},   {20, 40, 39.96259},   {20, 42, 41.95862},
    {20, 43, 42.95877},   {20, 44, 43.95548},   {22, 46, 45.95263},   {22, 47, 46.95176},
    {22, 48, 47.94794},   {22, 49, 48.94787},   {22, 50, 49.94479},   {24, 50, 49.94604},
    {24, 52, 51.94050},   {24, 53, 52.94065},   {24, 54, 53.93888},   {26, 54, 53.93961},
    {26, 56, 55.93494},   {26, 57, 56.93539},   {26, 58, 57.93327},   {27, 59, 58.93319},
    {27, 60, 59.93382},   {28, 58, 57.93534},   {28, 60, 59.93079},   {28, 61, 60.93106},
    {28, 62, 61.92835},   {28, 64, 63.92797},   {29, 63, 62.92960},   {29, 65, 64.92779},
    {30, 64, 63.92914},   {30, 66, 65.92603},   {30, 67, 66.92713},   {30, 68, 67.92484},
    {30, 70, 69.92532},   {31, 69, 68.92557},   {31, 71, 70.92470},   {32, 70, 69.92425},
    {32, 72, 71.92208},   {32, 73, 72.92346},   {32, 74, 73.92118},   {32, 76, 75.92140},
    {35, 79, 78.91834},   {35, 81, 80.91629},   {53, 127, 126.90447}, {53, 131, 130.90613},
    {79, 197, 196.96657}, {92, 235, 235.04393}, {92, 238, 238.05079}};

}  // namespace

bool isotope(std::string_view word, int& number_out, double& mass) {
  if (word.empty() || word.back() == '-') return false;  // an ion
  std::string letters, digits;
  bool digits_first = false, joint = false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if (c >= '0' && c <= '9') {
      digits_first = digits_first || i == 0;
      digits += c;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      if (!letters.empty() && !digits.empty() && !digits_first) return false;
      letters += static_cast<char>(letters.empty() ? c & ~0x20 : c | 0x20);
    } else if (c == '-' || c == '(' || c == ')' || c == '^') {
      joint = true;
    } else {
      return false;
    }
  }
  int nucleons = 0, number = 0;
  if (digits.empty() && !joint && (letters == "D" || letters == "T")) {
    number = 1;
    nucleons = letters == "D" ? 2 : 3;
  } else {
    number = element_number(letters);
    if (number == 0 || digits.empty() || digits.size() > 3 || (!digits_first && !joint)) return false;
    std::from_chars(digits.data(), digits.data() + digits.size(), nucleons);
    if (nucleons < number || nucleons > 3 * number + 1) return false;
  }
  number_out = number;
  mass = 0;
  for (const Isotope& i : isotopes)
    if (i.number == number && i.nucleons == nucleons) mass = i.mass;
  return true;
}

}  // namespace cartan::data
