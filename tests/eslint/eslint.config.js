// Rules for the scripts of report and status page. Each finding is an error; a number that says something has a name.
const BROWSER = [
  "DOMParser", "Response", "URLSearchParams", "addEventListener", "atob", "document", "fetch", "history", "innerHeight",
  "innerWidth", "location", "matchMedia", "navigator", "performance", "scrollTo", "scrollY", "setTimeout", "clearTimeout",
  "structuredClone", "window",
];
const LINE = 120;
const FUNCTION = 35;

export default [{
  languageOptions: {
    ecmaVersion: 2023,
    sourceType: "module",
    globals: Object.fromEntries(BROWSER.map((name) => [name, "readonly"])),
  },
  linterOptions: { reportUnusedDisableDirectives: "error" },
  rules: {
    "array-callback-return": "error",
    complexity: ["error", 10],
    "consistent-this": "error",
    curly: ["error", "multi-line"],
    eqeqeq: "error",
    "max-len": ["error", { code: LINE }],
    "max-lines-per-function": ["error", { max: FUNCTION, skipComments: true, skipBlankLines: true }],
    "no-const-assign": "error",
    "no-dupe-keys": "error",
    "no-empty": "error",
    "no-eval": "error",
    "no-implicit-globals": "error",
    "no-magic-numbers": ["error", { ignore: [-1, 0, 1, 2], ignoreDefaultValues: true }],
    "no-redeclare": "error",
    "no-shadow": "error",
    "no-undef": "error",
    "no-unreachable": "error",
    "no-unused-expressions": "error",
    "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
    "no-useless-return": "error",
    "no-var": "error",
    "object-shorthand": "error",
    "prefer-const": "error",
    "prefer-template": "error",
    semi: "error",
  },
}];
