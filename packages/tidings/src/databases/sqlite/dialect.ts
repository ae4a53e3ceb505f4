import type { Dialect } from '../../database/index.ts'

export const dialect: Dialect = {
  name: 'sqlite',
  placeholder: () => '?',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
}
