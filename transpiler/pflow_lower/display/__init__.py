"""What people look at: diagnostics as text and for programs, explanations, drawings."""
