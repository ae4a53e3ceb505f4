import type { Dialect } from '../../database/index.ts'

export const dialect: Dialect = {
  name: 'postgres',
  placeholder: (number) => `$${number}`,
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
}
