// Writes sobol.h: points of Boost's Sobol engine, which shares only the table of direction numbers with
// the library.
//
//     g++ -o make_sobol make_sobol.cpp && ./make_sobol > sobol.h        (Debian: libboost1.74-dev)
#include <boost/random/sobol.hpp>
#include <cstdio>

int main() {
    const unsigned dimensions[] = {0, 1, 2, 9, 20, 41, 63};
    boost::random::sobol engine(64);

    std::puts("/* Made by make_sobol.cpp. Do not edit. */\n/* clang-format off */");
    std::puts("/* Point j of Boost's Sobol sequence in 2^-64 (its first is point 1 of the sequence, in the\n"
              " * order of the Gray code), high 32 bits. */");
    std::puts("enum { SOBOL_POINTS = 40, SOBOL_COORDINATES = 7 };");
    std::puts("static const unsigned sobol_dimension[SOBOL_COORDINATES] = {0, 1, 2, 9, 20, 41, 63};");
    std::puts("static const unsigned sobol_bits[SOBOL_POINTS][SOBOL_COORDINATES] = {");
    for (int point = 0; point < 40; point++) {
        std::printf("    {");
        for (unsigned k = 0, next = 0; k < 64; k++) {
            const unsigned long long x = engine();
            if (next < 7 && k == dimensions[next]) {
                std::printf("%llu, ", x >> 32);
                next++;
            }
        }
        std::puts("},");
    }
    std::puts("};");
}
