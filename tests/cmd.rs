//! What the command says: each case a file with the command, its exact output and its exit code.

#[test]
fn every_case_says_just_what_its_file_holds() {
    trycmd::TestCases::new().case("tests/cmd/*.toml");
}
