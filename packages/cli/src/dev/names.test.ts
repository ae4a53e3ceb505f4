import { describe, expect, test } from 'vitest'
import { namesOf } from './names.ts'

const url = 'postgres://me@localhost/shop'

describe('the names for a table', () => {
  test.each([
    ['customers', 'customers', 'dev.customers', 'tidings_dev_shop_customers'],
    ['public.Customers', 'customers', 'dev.customers', 'tidings_dev_shop_customers'],
    ['sales.order_lines', 'sales_order_lines', 'dev.sales-order-lines', 'tidings_dev_shop_sales_order_lines'],
    ['"Order ""Items"""', 'Order "Items"', 'dev.order-items', 'tidings_dev_shop_order_items'],
    ['"2026"', '2026', 'dev.table2026', 'tidings_dev_shop_table2026'],
    ['größe', 'größe', 'dev.gr-e', 'tidings_dev_shop_gr_e'],
  ])('%s', (table, copy, topic, slot) => {
    expect(namesOf(table, url)).toMatchObject({ copy, topic, slot })
  })

  test('are others in another database of the server, however long', () => {
    const long = `a_${'very_'.repeat(12)}long_table`
    const slots = ['shop', 'shop_test'].map((database) => namesOf(long, `postgres://me@localhost/${database}`).slot)
    expect(new Set(slots).size).toBe(2)
    for (const slot of slots) expect(slot).toMatch(/^tidings_[a-z0-9_]{1,50}$/)
    expect(namesOf('customers', 'postgres://me@localhost').slot).toBe('tidings_dev_me_customers')
  })

  test.each(['', 'a b', 'a.b.c', '"a'])('%j is refused', (table) => {
    expect(() => namesOf(table, url)).toThrow('no name of a table')
  })
})
