/** The page that the test opens: `convnext/web`, bundled, with the exercise that Node does too. */

import * as library from "../../../src/web.ts"
import { exercise } from "../exercise.ts"

Object.assign(globalThis, { exercise: (device: string) => exercise(library, device) })
