// Types are checked by the compiler; this adds the rules of React, of accessibility,
// and of which folder may import which.
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** From → what it must not name. ui, lib, domain → api → features → pages → router. */
const only = (folder, forbidden) => ({
  files: [`src/${folder}/**/*.{ts,tsx}`],
  ignores: ['**/*.test.{ts,tsx}'],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ group: forbidden, message: `src/${folder} must not import this; see the direction in ui/README.md.` }] },
    ],
  },
});

const FEATURES = ['auth', 'checkpoints', 'events', 'plans', 'projects', 'shell', 'tasks'];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'test-results', 'playwright-report', 'screenshots'] },
  ...tseslint.configs.strict,
  { files: ['src/**/*.{ts,tsx}'], ...jsxA11y.flatConfigs.recommended },
  reactHooks.configs.flat['recommended-latest'],
  {
    files: ['**/*.{ts,tsx}'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportAllDeclaration',
          message: 'No barrel files: import from the file that has it.',
        },
      ],
      // The compiler is not used; lists are virtual on purpose.
      'react-hooks/incompatible-library': 'off',
      'max-lines': ['warn', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**/*.tsx'],
    rules: {
      // The first field of a form takes the focus when the page is opened for it.
      'jsx-a11y/no-autofocus': 'off',
      // Regions that scroll have to be reachable by keyboard.
      'jsx-a11y/no-noninteractive-tabindex': 'off',
      // Keys are handled by the dialog element and the window; these clicks only add to them.
      'jsx-a11y/click-events-have-key-events': 'off',
      'jsx-a11y/no-static-element-interactions': 'off',
      'jsx-a11y/no-noninteractive-element-interactions': 'off',
    },
  },
  // One file by design: it will be generated.
  { files: ['src/api/types.ts'], rules: { 'max-lines': 'off' } },
  only('domain', ['@/ui/*', '@/lib/*', '@/features/*', '@/pages/*', 'react', 'react-dom', '@tanstack/*']),
  only('lib', ['@/ui/*', '@/domain/*', '@/api/*', '@/features/*', '@/pages/*']),
  only('ui', ['@/features/*', '@/pages/*', '@/api/client', '@/api/queries', '@tanstack/react-query']),
  only('api', ['@/ui/*', '@/features/*', '@/pages/*']),
  ...FEATURES.map((feature) =>
    only(`features/${feature}`, ['@/pages/*', ...FEATURES.filter((other) => other !== feature).map((other) => `@/features/${other}/*`)]),
  ),
);
