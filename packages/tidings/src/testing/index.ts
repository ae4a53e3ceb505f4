export { lineTo, type Line } from './line.ts'
export { mulberry32, simulatedEnvironment, type SimulatedEnvironment } from './simulated.ts'
export { testBench, type TestBench, type TestBenchOptions } from './test-bench.ts'
