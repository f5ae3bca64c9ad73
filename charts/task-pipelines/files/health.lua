-- Argo CD's health of a ScheduledTaskPipeline (docs/operations.md says where it belongs). Argo CD hands in `obj`.
local function condition(conditions, kind)
  for _, each in ipairs(conditions or {}) do
    if each.type == kind and each.status == "True" then
      return each
    end
  end
end

local status = obj.status or {}
local stalled = condition(status.conditions, "Stalled")
local reconciling = condition(status.conditions, "Reconciling")
local ready = condition(status.conditions, "Ready")

-- What is told of an earlier spec says nothing of this one.
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not reconciled this spec yet" }
end
if stalled then
  return { status = "Degraded", message = stalled.message }
end
if reconciling then
  return { status = "Progressing", message = reconciling.message }
end
if ready and ready.reason == "Suspended" then
  return { status = "Suspended", message = ready.message }
end
if ready then
  return { status = "Healthy", message = ready.message }
end
return { status = "Progressing", message = "The operator says nothing of it yet" }
