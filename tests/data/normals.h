/* Made by make_normals.py: draws computed without the library. */
typedef struct pinned_draw {
    uint64_t seed, i;
    uint32_t stream, j;
    double uniform, normal;
} pinned_draw;

static const pinned_draw pinned_draws[] = {
    {0u, 0u, 0u, 0u, 0x1.c2d38b1acc4fdp-1, 0x1.2d769e93cb51fp+0},
    {0u, 0u, 0u, 1u, 0x1.3601b7b178af5p-1, 0x1.11fbd69d8e301p-2},
    {0u, 0u, 1u, 0u, 0x1.d446c492d5a19p-1, 0x1.5ea1987344d06p+0},
    {1u, 0u, 0u, 0u, 0x1.ca141d79c7d01p-1, 0x1.407827c9b8c2dp+0},
    {4294967296u, 0u, 0u, 0u, 0x1.f4fcb16dfbbc7p-1, 0x1.0302d0e8788b8p+1},
    {18446744073709551615u, 18446744073709551615u, 2u, 4294967295u, 0x1.dadf10cd1c833p-1,
     0x1.7511909bbfae5p+0},
    {42u, 4294967296u, 0u, 7u, 0x1.62968cb2aeee1p-1, 0x1.019701f6d38a6p-1},
    {42u, 1u, 0u, 783u, 0x1.1f94df752fb3bp-1, 0x1.3deccbe55f54bp-3},
    {2024u, 5u, 0u, 0u, 0x1.c7e3ce75485c6p-2, -0x1.1a2f5036acb52p-3},
    {2024u, 5u, 0u, 1u, 0x1.3bda61380996fp-1, 0x1.307c9cb7cd188p-2},
    {2024u, 5u, 0u, 2u, 0x1.9f80ec9420a82p-2, -0x1.e8598eae44cc3p-3},
    {2024u, 5u, 0u, 3u, 0x1.869ae07060404p-3, -0x1.c01dce9019d9ap-1},
    {2024u, 5u, 0u, 4u, 0x1.f4be5b6efffd4p-3, -0x1.623f32db0770ep-1},
    {2024u, 5u, 0u, 5u, 0x1.182e1768f6b4bp-1, 0x1.e6056af045158p-4},
    {2024u, 5u, 0u, 6u, 0x1.a12d1bc58c84dp-1, 0x1.ca9b0ba8f377dp-1},
    {2024u, 5u, 0u, 7u, 0x1.1d765668aa0bep-2, -0x1.2c48f7378b6f7p-1},
    {2024u, 5u, 0u, 8u, 0x1.dd991a5cdc266p-2, -0x1.595718a0a6933p-4},
    {2024u, 5u, 0u, 9u, 0x1.6c01271c9d972p-2, -0x1.7b7ac2e4064a2p-2},
    {2024u, 5u, 0u, 10u, 0x1.44800bb08f40cp-3, -0x1.0038552df7bcep+0},
    {2024u, 5u, 0u, 11u, 0x1.d291a16e8e15fp-1, 0x1.593de023308f1p+0},
    {2024u, 5u, 0u, 12u, 0x1.de2c303b9ee8fp-1, 0x1.817713d7c4c6cp+0},
    {2024u, 5u, 0u, 13u, 0x1.169b0981174a9p-1, 0x1.c63d861efa1b7p-4},
    {2024u, 5u, 0u, 14u, 0x1.5a4f16423d8f1p-1, 0x1.d4986b65b5400p-2},
    {2024u, 5u, 0u, 15u, 0x1.f20cc66111051p-1, 0x1.ec4331ee39bccp+0},
    {2024u, 5u, 0u, 16u, 0x1.103f31b14bd10p-5, -0x1.d5d3e3ffa7797p+0},
    {2024u, 5u, 0u, 17u, 0x1.162eba3878e7bp-1, 0x1.bdb470cd188fcp-4},
    {2024u, 5u, 0u, 18u, 0x1.e8cf3e662a57dp-1, 0x1.b13af1678fa9bp+0},
    {2024u, 5u, 0u, 19u, 0x1.9ba62686187c8p-4, -0x1.47594bc8030cfp+0},
    {2024u, 5u, 0u, 20u, 0x1.c5244fa90c983p-1, 0x1.33591f6656942p+0},
    {2024u, 5u, 0u, 21u, 0x1.cea2878ddad4bp-1, 0x1.4d5ff5041d8d9p+0},
    {2024u, 5u, 0u, 22u, 0x1.0f67e3f93b2ddp-1, 0x1.353a129b82765p-4},
    {2024u, 5u, 0u, 23u, 0x1.ace01a0735adap-2, -0x1.a3a49efd5e2a7p-3},
    {7u, 251u, 0u, 32u, 0x1.ffff974999b61p-1, 0x1.2127a2131a9fap+2},
};

/* The ends of a uniform draw, and both sides of each change of formula. */
static const struct {
    double p, z;
} pinned_quantiles[] = {
    {0x1.0000000000000p-53, -0x1.06b48528cea51p+3}, {0x1.fffffffffffffp-1, 0x1.06b48528cea51p+3},
    {0x1.0000000000000p-36, -0x1.a9aa904c4b7b7p+2}, {0x1.0000000000000p-37, -0x1.b025b0b56a3a8p+2},
    {0x1.3333333333333p-4, -0x1.7085226d3e523p+0},  {0x1.3333185b40987p-4, -0x1.70852e475e818p+0},
    {0x1.d99999999999ap-1, 0x1.7085226d3e524p+0},   {0x1.0000000000000p-1, 0x0.0p+0},
};
