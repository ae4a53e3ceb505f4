import type { TidingsCommand } from '../command.ts'

export function addAsyncapi(program: TidingsCommand): void {
  program
    .command('asyncapi')
    .description('Writes what a service publishes, accepts and reads as an AsyncAPI 3.0 document.')
    .example('tidings asyncapi crm > crm.asyncapi.json', 'for tools that read AsyncAPI')
    .argument('<service>')
    .runs<[service: string]>(async (session, [service]) => {
      const names = [session.caller.namespace, service].map(encodeURIComponent)
      const document: unknown = await (await session.request(`/v1/${names.join('/asyncapi/')}`)).json()
      await session.output.show(document, () => JSON.stringify(document, undefined, 2))
    })
}
